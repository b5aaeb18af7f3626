// The page: what the person does, and which photo is seen.

import * as api from "./api.js";
import { element, panel, update } from "./panel.js";
import * as photos from "./photos.js";
import * as recall from "./recall.js";
import * as sending from "./sending.js";
import * as viewer from "./viewer.js";
import { doing, duration, plain } from "./words.js";
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

// Anew only when more than its figures changed, and not under a finger: else what is pressed or
// dragged would be torn out.
function redrawPanel() {
  update(at("panel"), current);
  const { strokes, file, pictures, sending: share, stop, look, work, ...rest } = current;
  const jobs = [look, work].map((job) => job && { ...job, fraction: 0, eta_s: 0, place: 0, stage: null });
  const now = JSON.stringify([rest, share !== null, stop !== null, jobs, strokes.length, current.chosen && [...current.chosen], Object.keys(pictures), viewer.picks(), photos.photos.map((photo) => [photo.number, stateOf(photo), photos.busy(photo)])]);
  if (now === drawn || at("panel").querySelector("input[type=range]:active")) return;
  drawn = now;
  const held = document.activeElement?.id;
  at("panel").replaceChildren(...panel(current, acts));
  if (held && at("panel").querySelector(`#${CSS.escape(held)}`)) at(held).focus();
}

const inStrip = new Map(); // photo -> its list item, which stays while the photo is there

function strip() {
  at("strip").parentElement.hidden = photos.photos.length < 2;
  for (const photo of inStrip.keys()) if (!photos.photos.includes(photo)) inStrip.delete(photo);
  for (const photo of photos.photos) if (!inStrip.has(photo)) inStrip.set(photo, stripItem(photo));
  const items = photos.photos.map((photo) => inStrip.get(photo));
  const list = at("strip");
  if (items.length !== list.children.length || items.some((item, index) => item !== list.children[index])) list.replaceChildren(...items);
  for (const photo of photos.photos) fillStripItem(inStrip.get(photo), photo);
}

function stripItem(photo) {
  const picture = element("img", { alt: "", hidden: true });
  const name = element("span", { className: "strip-name" }, photo.name);
  return element("li", {}, element("button", { type: "button", onclick: () => select(photo) }, picture, element("span", { className: "no-picture" }), name, element("span", { className: "soft" })));
}

function fillStripItem(item, photo) {
  const source = photo.pictures.after ?? photo.pictures.before ?? photo.url;
  const [chosen, picture, blank, words] = ["button", "img", ".no-picture", ".soft"].map((which) => item.querySelector(which));
  if (source && picture.src !== source) picture.src = source;
  picture.hidden = !source;
  blank.hidden = Boolean(source);
  if (words.textContent !== standing(photo)) words.textContent = standing(photo);
  chosen.setAttribute("aria-current", String(photo === current));
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
  const running = [current.work, current.look].find((job) => job?.status === "running");
  const words = `${current.name}: ${current.error ?? current.away?.words ?? (running ? doing(running.stage) : standing(current))}`;
  if (words !== said) at("status").textContent = words;
  said = words;
}

function select(photo) {
  current = photo;
  if (photo.jobs.length === 0 && photo.file && photo.sending === null && !together.has(photo)) sending.look(photo);
  render();
}

function take(files) {
  const added = photos.add([...files]);
  if (added.length) select(added[0]);
}

const together = new Set(); // photos that are restored one after the other, and have not been yet

const acts = {
  changed: render,
  restore: () => {
    current.adjusting = false;
    sending.restore(current);
  },
  look: () => sending.look(current),
  // One after the other: an old computer need not send ten photos at once.
  restoreAll: async () => {
    const all = photos.waiting().filter((photo) => !together.has(photo));
    for (const photo of all) together.add(photo);
    for (const photo of all) {
      together.delete(photo);
      if (photos.waiting().includes(photo)) await sending.restore(photo); // not if it was sent meanwhile
    }
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
    gathering === null &&
    attempt(async () => {
      const all = photos.photos.filter(photos.restored);
      const files = [];
      gathering = element("p", { className: "flash", role: "status" });
      document.body.append(gathering);
      try {
        for (const photo of all) {
          gathering.textContent = `Fetching photo ${files.length + 1} of ${all.length} …`;
          files.push(await resultOf(photo));
        }
        gathering.textContent = "Putting them into one file …";
        save(await zip(files), "restored.zip");
      } finally {
        gathering.remove();
        gathering = null;
      }
    }),
  report: (event) => {
    event.preventDefault();
    attempt(async () => save(await api.file(current.work, "report?format=html"), `${plain(current.name)}-report.html`));
  },
};

let gathering = null; // says what a zip file is waiting for, while it is

const SUFFIXES = { jpeg: "jpg", tiff: "tif", heif: "heic", raw: "tif" };
async function resultOf(photo) {
  const blob = await api.file(photo.work, "result");
  const type = blob.type.split("/")[1];
  return { name: `${plain(photo.name)}-restored.${SUFFIXES[type] ?? type}`, blob };
}

async function attempt(act) {
  const photo = current;
  photo.error = null;
  try {
    await act();
  } catch (error) {
    photo.error = error.message;
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

// Where a browser lets no page keep anything, that must not end the page before `start` can say so.
function stored(act) {
  try {
    return act(localStorage);
  } catch {
    return null;
  }
}

function themes() {
  const set = (theme) => (document.documentElement.dataset.theme = theme);
  const kept = stored((storage) => storage.getItem("resilver-theme"));
  if (kept) set(kept);
  at("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const next = (document.documentElement.dataset.theme ?? (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
    stored((storage) => storage.setItem("resilver-theme", next));
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
    const typed = at("key").value.trim();
    if (chosen === "save" && typed && !api.key.fits(typed)) flash("This is no key: it has letters that no key has.");
    else if (chosen === "save" && typed) api.key.set(typed);
    if (chosen === "forget") api.key.set("");
    at("key").value = "";
    start();
  });
}

async function start() {
  try {
    const facts = await api.about();
    photos.begin(render);
    const kept = duration(facts.keep_s);
    at("where").textContent = facts.here ? "Runs on this computer; nothing leaves it." : `Photos are deleted after ${kept}.`;
    const opens = facts.needs_key || api.key.get() ? "Only your key opens it." : "Only your link opens it.";
    at("promise-where").textContent = `${facts.here ? "It is worked on here and sent nowhere." : opens} What was made is deleted after ${kept}, or at once when you say so.`;
    at("drop-facts").textContent = `JPEG, PNG, TIFF, WebP, HEIC, AVIF and camera files, up to ${Math.round(facts.max_megapixels)} megapixels`;
    at("key-open").textContent = api.key.get() ? "Key: in use" : facts.needs_key ? "A key is needed" : "Key";
    current = recall.remembered(location.hash.slice(1)) ?? current ?? photos.photos.at(-1);
    render();
    await recall.recallAll(current);
  } catch (error) {
    at("where").textContent = at("drop-facts").textContent = `${error.message} It is tried again.`;
    setTimeout(start, 5000);
  }
}

viewer.begin(render);
// What is half sent is lost with the page.
addEventListener("beforeunload", (event) => photos.photos.some(({ sending: share }) => share !== null) && event.preventDefault());
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
