// The page: what the person does, and which photo is seen.

import * as api from "./api.js";
import { element, panel } from "./panel.js";
import * as photos from "./photos.js";
import * as recall from "./recall.js";
import * as sending from "./sending.js";
import * as viewer from "./viewer.js";
import { doing, plain } from "./words.js";
import { zip } from "./zip.js";

const at = (id) => document.getElementById(id);
let current = null;
let said = "";
let drawn = "";

const stateOf = (photo) => (photo.away ? "waiting" : photos.restored(photo) && !photo.adjusting && !photos.busy(photo) ? "restored" : photo.diagnosis && !photos.active(photo.work) ? "found" : "waiting");

function render() {
  if (current && !photos.photos.includes(current)) current = null;
  current ??= photos.photos.at(-1) ?? null;
  at("welcome").hidden = current !== null;
  at("studio").hidden = at("add").hidden = current === null;
  if (!current) {
    if (location.hash) history.replaceState(null, "", location.pathname);
    return;
  }
  strip();
  viewer.show(current, stateOf(current));
  redrawPanel();
  const id = photos.linkOf(current);
  const hash = id ? `#${id}` : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname);
  photos.fetchParts(current);
  tell();
}

// Only when something in it changed: else a slider would slip from under a finger.
function redrawPanel() {
  const { strokes, file, pictures, ...rest } = current;
  const now = JSON.stringify([rest, strokes.length, current.chosen && [...current.chosen], Object.keys(pictures), photos.photos.map((photo) => [photo.number, stateOf(photo), photos.busy(photo)])]);
  if (now === drawn) return;
  drawn = now;
  const held = document.activeElement?.id;
  at("panel").replaceChildren(...panel(current, acts));
  if (held && at("panel").querySelector(`#${CSS.escape(held)}`)) at(held).focus();
}

function strip() {
  at("strip").parentElement.hidden = photos.photos.length < 2;
  at("strip").replaceChildren(
    ...photos.photos.map((photo) => {
      const source = photo.pictures.after ?? photo.pictures.before ?? photo.url;
      const picture = source ? element("img", { src: source, alt: "" }) : element("span", { className: "no-picture" });
      const chosen = element("button", { type: "button", onclick: () => select(photo) }, picture, element("span", { className: "strip-name" }, photo.name), element("span", { className: "soft" }, standing(photo)));
      chosen.setAttribute("aria-current", String(photo === current));
      return element("li", {}, chosen);
    }),
  );
}

function standing(photo) {
  if (photo.error) return "see here";
  if (photo.away) return photo.away.locked ? "needs its key" : "is fetched";
  if (photo.sending !== null) return "sending";
  const job = photos.active(photo.work) ? photo.work : photos.active(photo.look) ? photo.look : null;
  if (job?.status === "queued") return `number ${job.place ?? "?"} in line`;
  if (job) return `${Math.round(100 * job.fraction)} %`;
  if (photos.restored(photo)) return "restored";
  if ((photo.work ?? photo.look)?.status === "failed") return "failed";
  return photo.diagnosis ? "looked at" : "not begun";
}

// For those who do not see the page: what has become of the photo, once.
function tell() {
  const words = current.error ?? current.away?.words ?? (photos.busy(current) ? doing((current.work ?? current.look)?.stage) : standing(current));
  if (words !== said) at("status").textContent = `${current.name}: ${words}`;
  said = words;
}

function select(photo) {
  current = photo;
  if (photo.jobs.length === 0 && photo.file && photo.sending === null) sending.look(photo);
  render();
}

function take(files) {
  const added = photos.add([...files]);
  if (added.length) select(added[0]);
}

const acts = {
  changed: render,
  restore: () => {
    current.adjusting = false;
    sending.restore(current);
  },
  look: () => sending.look(current),
  // One after the other: an old computer need not send ten photos at once.
  restoreAll: async () => {
    for (const photo of photos.waiting()) if (photos.photos.includes(photo)) await sending.restore(photo);
  },
  hasOthers: () => photos.others(current).length > 0,
  colourAll: () => {
    const own = photos.others(current).filter(({ colouring }) => colouring.on || colouring.hints.length);
    const ask = `Colours were chosen for ${own.length === 1 ? "another photo" : `${own.length} other photos`} already. Put these in their place?`;
    if (own.length && !confirm(ask)) return;
    photos.colourAll(current);
    flash("These colours go with all photos that are not restored yet.");
  },
  cancel: () => sending.cancel(current),
  adjust: () => {
    current.adjusting = true;
    if (!current.diagnosis && !photos.active(current.look)) sending.look(current);
    render();
  },
  back: () => {
    current.adjusting = false;
    render();
  },
  remove: () => sending.remove(current),
  forget: () => sending.forget(current),
  enterKey,
  copy: async () => {
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      return showLink(); // without TLS a browser lets no page write there
    }
    at("status").textContent = "The link is copied.";
    return flash("The link is copied.");
  },
  download: () =>
    attempt(async () => {
      const { name, blob } = await resultOf(current);
      save(blob, name);
    }),
  downloadAll: () =>
    attempt(async () => {
      const files = [];
      for (const photo of photos.photos.filter(photos.restored)) files.push(await resultOf(photo));
      save(await zip(files), "restored.zip");
    }),
  report: (event) => {
    event.preventDefault();
    attempt(async () => save(await api.file(current.work, "report?format=html"), `${plain(current.name)}-report.html`));
  },
};

const SUFFIXES = { jpeg: "jpg", tiff: "tif", heif: "heic", raw: "tif" };
async function resultOf(photo) {
  const blob = await api.file(photo.work, "result");
  const type = blob.type.split("/")[1];
  return { name: `${plain(photo.name)}-restored.${SUFFIXES[type] ?? type}`, blob };
}

async function attempt(act) {
  try {
    await act();
  } catch (error) {
    current.error = error.message;
  }
  render();
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function flash(words) {
  const made = element("p", { className: "flash" }, words);
  document.body.append(made);
  setTimeout(() => made.remove(), 2500);
}

function dropping() {
  let depth = 0;
  const show = (shown) => (at("dropping").hidden = !shown);
  const files = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => files(event) && show((depth += 1) > 0));
  addEventListener("dragleave", (event) => files(event) && show((depth -= 1) > 0));
  addEventListener("dragover", (event) => files(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    show((depth = 0) > 0);
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => event.clipboardData?.files.length && take(event.clipboardData.files));
}

function themes() {
  const set = (theme) => (document.documentElement.dataset.theme = theme);
  const kept = localStorage.getItem("resilver-theme");
  if (kept) set(kept);
  at("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const next = (document.documentElement.dataset.theme ?? (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
    localStorage.setItem("resilver-theme", next);
    set(next);
  });
}

// For the person to copy.
function showLink() {
  at("link").value = location.href;
  at("link-dialog").showModal();
  at("link").select();
}

function enterKey() {
  at("key").value = "";
  at("key-dialog").showModal();
}

function keys() {
  at("key-open").addEventListener("click", enterKey);
  at("key-dialog").addEventListener("close", () => {
    const chosen = at("key-dialog").returnValue;
    if (chosen === "save" && at("key").value.trim()) api.key.set(at("key").value.trim());
    if (chosen === "forget") api.key.set("");
    at("key").value = "";
    start();
  });
}

async function start() {
  try {
    const facts = await api.about();
    photos.begin(render);
    const hours = Math.round(facts.keep_s / 3600);
    at("where").textContent = facts.here ? "Runs on this computer; nothing leaves it." : `Photos are deleted after ${hours} hours.`;
    at("promise-where").textContent = facts.here
      ? `It is worked on here and sent nowhere. What was made is deleted after ${hours} hours, or at once when you say so.`
      : `Only your link opens it. It is deleted after ${hours} hours, or at once when you say so.`;
    at("drop-facts").textContent = `JPEG, PNG, TIFF, WebP, HEIC, AVIF and camera files, up to ${Math.round(facts.max_megapixels)} megapixels`;
    at("key-open").textContent = api.key.get() ? "Key: in use" : facts.needs_key ? "A key is needed" : "Key";
    current = recall.remembered(location.hash.slice(1)) ?? current ?? photos.photos.at(-1);
    render();
    await recall.recallAll(current);
  } catch (error) {
    at("where").textContent = error.message;
    setTimeout(start, 5000);
  }
}

viewer.begin(render);
at("file").addEventListener("change", () => {
  take(at("file").files);
  at("file").value = "";
});
at("add").addEventListener("click", () => at("file").click());
addEventListener("hashchange", () => start());
dropping();
themes();
keys();
start();
