// What is said of the photo, and what can be decided about it.

import * as api from "./api.js";
import { colours } from "./colours.js";
import * as photos from "./photos.js";
import { decide, step } from "./wishes.js";
import { doing, duration, share, title, waiting } from "./words.js";

export function element(tag, properties = {}, ...children) {
  const { data = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, data);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const AS_MEASURED = 0.5; // how much is drawn while nobody says anything

// What has the same id does the same: the focus stays on it when the panel is drawn anew.
const button = (id, words, act, className = "") => element("button", { type: "button", id, className, onclick: act }, words);

// The whole panel for a photo in its present state. `acts`: what its buttons do.
export function panel(photo, acts) {
  const parts = [element("h2", { className: "photo-name", id: "photo-name", tabIndex: -1 }, photo.name)];
  if (photo.error) parts.push(element("p", { className: "error", role: "alert" }, photo.error));
  if (photo.sending !== null) {
    parts.push(progress("Sending the photo", photo.sending));
    if (photo.stop) parts.push(element("div", { className: "buttons" }, button("do-stop", "Stop sending", photo.stop)));
  } else if (photo.away) parts.push(...away(photo, acts));
  else if (photos.active(photo.work)) parts.push(...underWay(photo, photo.work, acts));
  else if (photos.active(photo.look)) parts.push(...underWay(photo, photo.look, acts), element("div", { className: "buttons" }, button("do-restore", "Restore without waiting for this", acts.restore)));
  else if (photos.restored(photo) && !photo.adjusting) parts.push(...outcome(photo, acts));
  else parts.push(...decisions(photo, acts));
  return parts;
}

// Brings the figures of a panel up to date, and leaves the rest as it stands.
export function update(root, photo) {
  const job = [photo.work, photo.look].find(photos.active);
  const bar = root.querySelector("progress");
  if (bar && photo.sending !== null) bar.value = photo.sending;
  else if (bar && job) {
    bar.value = job.fraction;
    bar.previousElementSibling.textContent = doing(job.stage);
    bar.setAttribute("aria-label", doing(job.stage));
  }
  const [place, eta] = [root.querySelector(".queued .place"), root.querySelector(".eta")];
  if (place && job?.status === "queued") place.textContent = waiting(job);
  if (eta && job) eta.textContent = job.eta_s ? `Done in ${duration(job.eta_s)}.` : "";
}

function progress(words, fraction) {
  const bar = element("progress", { max: 1, value: fraction });
  bar.setAttribute("aria-label", words);
  return element("div", { className: "progress" }, element("p", {}, words), bar);
}

function away({ away: { words, more, locked } }, acts) {
  const parts = [element("div", { className: "ticket" }, element("p", { className: "place" }, words), element("p", { className: "soft" }, more))];
  if (locked) parts.push(element("div", { className: "buttons" }, button("do-key", "Enter a key", acts.enterKey, "primary"), button("do-forget", "Forget it here", acts.forget, "quiet")));
  return parts;
}

function underWay(photo, job, acts) {
  const parts = [];
  if (job.status === "queued") {
    parts.push(element("div", { className: "ticket queued" }, element("p", { className: "place" }, waiting(job)), element("p", { className: "soft" }, job.looks ? "It will be looked at first." : leaving(job))));
  } else {
    parts.push(progress(doing(job.stage), job.fraction));
    parts.push(element("p", { className: "soft eta" }, job.eta_s ? `Done in ${duration(job.eta_s)}.` : ""));
  }
  parts.push(element("div", { className: "buttons" }, button("do-copy", "Copy link", acts.copy), button("do-cancel", "Cancel", acts.cancel)));
  return parts;
}

function leaving(job) {
  const others = photos.photos.filter(photos.onlyHere).length;
  const back = `this link${job.key ? " and your key bring" : " brings"} you back`;
  if (!others) return `You can close this page meanwhile: ${back}.`;
  return `Keep this page open: ${others === 1 ? "another photo has" : `${others} other photos have`} not been sent yet. To this one ${back}.`;
}

// --- before: what was found, and what to do about it ---

function decisions(photo, acts) {
  const parts = [];
  for (const job of [photo.work, photo.look]) {
    if (job?.status === "failed") parts.push(element("p", { className: "error", role: "alert" }, `It could not be ${job.looks ? "looked at" : "restored"}: ${job.reason}.`));
    if (job?.status === "cancelled" && job === photo.work) parts.push(element("p", { className: "soft" }, "It was cancelled."));
    if (job?.status === "expired") parts.push(element("p", { className: "soft" }, "It has expired and was deleted here."));
  }
  if (photo.diagnosis) {
    parts.push(element("h3", {}, "What was found"));
    const findings = photo.diagnosis.findings;
    parts.push(element("div", { className: "steps" }, ...findings.map((finding) => stepOf(photo, finding, acts))));
    parts.push(colours(photo, acts));
    if (photo.diagnosis.notices.length) parts.push(element("ul", { className: "notices soft" }, ...photo.diagnosis.notices.map((words) => element("li", {}, words))));
  }
  parts.push(result(photo, acts));
  const can = photo.file !== null || [photo.look, photo.work].some((job) => job && job.status !== "expired");
  const others = photos.waiting().length;
  const row = element("div", { className: "buttons" });
  if (can) row.append(button("do-restore", "Restore this photo", acts.restore, "primary"));
  if (can && !photo.diagnosis) row.append(button("do-look", "Look at it first", acts.look));
  if (can && others > 1) row.append(button("do-restore-all", `Restore all ${others}`, acts.restoreAll));
  if (photo.adjusting) row.append(button("do-back", "Back to the result", acts.back));
  row.append(button("do-remove", "Remove", acts.remove, "quiet"));
  parts.push(row);
  return parts;
}

function stepOf(photo, finding, acts) {
  const { stage } = finding;
  const now = step(photo, stage);
  const id = `step-${stage}`;
  const box = element("input", { type: "checkbox", id, checked: now.on });
  box.addEventListener("change", () => {
    decide(photo, stage, { on: box.checked });
    acts.changed();
  });
  const words = element("p", { className: "soft", id: `${id}-words` }, finding.words);
  box.setAttribute("aria-describedby", words.id);
  const made = element("section", { className: now.on ? "step on" : "step" }, element("label", { htmlFor: id }, box, element("b", {}, title(stage))), words);
  if (now.on && !now.untouched && !finding.found) made.append(element("p", { className: "note" }, "Nothing was found; it is done all the same."));
  if (now.on) made.append(strength(photo, stage, now.strength));
  if (stage === "tone" && (now.on || now.untouched)) made.append(neutral(photo, acts));
  if (now.on && stage === "faces" && photo.diagnosis.faces.length) made.append(faces(photo, acts));
  return made;
}

const strength = (photo, stage, value) => slider(`strength-${stage}`, "Strength", `How strongly: ${title(stage)}`, 5, value, (chosen) => decide(photo, stage, { strength: chosen }));

// A share from `least` % to 1; `chosen` is told where it was put.
function slider(id, words, label, least, value, chosen) {
  const made = element("input", { type: "range", id, min: least, max: 100, step: 5, value: Math.round(100 * value) });
  const said = element("output", {}, `${made.value} %`);
  made.setAttribute("aria-label", label);
  made.addEventListener("input", () => {
    said.value = `${made.value} %`;
    chosen(Number(made.value) / 100);
  });
  return element("label", { className: "strength" }, element("span", {}, words), made, said);
}

function neutral(photo, acts) {
  const box = element("input", { type: "checkbox", id: "neutral", checked: photo.neutral });
  box.addEventListener("change", () => {
    photo.neutral = box.checked;
    acts.changed();
  });
  return element("label", { className: "also", htmlFor: "neutral" }, box, element("span", {}, "Take a sepia tone away"));
}

function faces(photo, acts) {
  // Whatever is chosen, only what lost detail is restored.
  const open = photo.diagnosis.faces.filter((face) => face.verdict === "lost detail");
  const chosen = photo.chosen ?? new Set(open.map((face) => face.number));
  const rows = photo.diagnosis.faces.map((face) => {
    const can = open.includes(face);
    const box = element("input", { type: "checkbox", id: `face-${face.number}`, checked: can && chosen.has(face.number), disabled: !can });
    box.addEventListener("change", () => {
      const next = new Set(chosen);
      if (box.checked) next.add(face.number);
      else next.delete(face.number);
      photo.chosen = next.size === open.length ? null : next;
      acts.changed();
    });
    return element("li", {}, element("label", {}, box, element("span", {}, `Face ${face.number}`), element("small", { className: "soft" }, face.words)));
  });
  return element("ul", { className: "faces-list" }, ...rows);
}

function result(photo, acts) {
  const types = [["", "as the photo"], ["jpg", "JPEG"], ["png", "PNG"], ["tif", "TIFF"], ["webp", "WebP"]];
  const sizes = [["", "as it is"], ["auto", "larger if it is tiny"], ["2", "twice as large"], ["4", "four times as large"]];
  const made = element("div", {}, choice(photo, acts, "upscale", "Size", sizes));
  if (photo.upscale) made.append(slider("vivid", "Drawn", "How much of the new detail may be drawn: none keeps to what is known", 0, photo.vivid ?? AS_MEASURED, (chosen) => (photo.vivid = chosen)));
  made.append(choice(photo, acts, "ext", "Save as", types));
  return made;
}

function choice(photo, acts, field, words, all) {
  const made = element("select", { id: field }, ...all.map(([value, said]) => element("option", { value, selected: photo[field] === value }, said)));
  made.addEventListener("change", () => {
    photo[field] = made.value;
    acts.changed();
  });
  return element("label", { className: "result-type" }, words, made);
}

// --- after: what was done ---

function outcome(photo, acts) {
  const { report } = photo;
  const parts = [];
  if (report) {
    parts.push(element("p", { className: "headline" }, report.headline));
    const figures = [["Changed", report.changed_share], ["Made up", report.invented_share]];
    if (report.coloured_share > 0) figures.push(["Colours guessed", report.coloured_share]);
    parts.push(element("dl", { className: "figures" }, ...figures.flatMap(([words, value]) => [element("dt", {}, words), element("dd", {}, share(value))])));
    const done = report.stages.map((stage) => element("li", { className: stage.acted ? "acted" : "" }, element("b", {}, title(stage.stage)), element("span", { className: "soft" }, `${stage.words} ${stage.acted ? "" : "Left as it is."}`)));
    parts.push(element("ul", { className: "done" }, ...done));
    for (const face of report.faces) if (face.warning) parts.push(element("p", { className: "note" }, `Face ${face.number}: ${face.warning}`));
    parts.push(element("p", { className: "soft evidence" }, report.evidence));
  } else parts.push(element("p", { className: "soft" }, "Fetching the result …"));
  const ready = photos.photos.filter(photos.restored).length;
  const row = element("div", { className: "buttons" }, button("do-download", "Download", acts.download, "primary"));
  if (ready > 1) row.append(button("do-download-all", `All ${ready} as zip`, acts.downloadAll));
  row.append(button("do-adjust", "Change and restore again", acts.adjust));
  const link = element("a", { className: "button", id: "do-report", href: api.reportLink(photo.work), target: "_blank", rel: "noopener" }, "Full report");
  if (photo.work.key) link.addEventListener("click", acts.report); // a key does not travel with a link
  row.append(link, button("do-copy", "Copy link", acts.copy), button("do-remove", "Delete", acts.remove, "quiet danger"));
  parts.push(row);
  return parts;
}
