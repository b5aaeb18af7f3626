// The page: what the person does, and which photo is seen.

import * as api from "./api.js";
import * as dropping from "./dropping.js";
import { element, panel, update } from "./panel.js";
import * as photos from "./photos.js";
import * as recall from "./recall.js";
import * as sending from "./sending.js";
import * as strip from "./strip.js";
import * as viewer from "./viewer.js";
import { doing, duration, plain } from "./words.js";
import { zip } from "./zip.js";

const at = (id) => document.getElementById(id);
let current = null;
let said = "";
let drawn = ""; // what the panel shows, and of which photo
let drawnFor = null;
let owed = false; // whether it is to be drawn anew as soon as nothing in it is held

const stateOf = (photo) => (photo.away ? "waiting" : photos.restored(photo) && !photo.adjusting && !photos.busy(photo) ? "restored" : photo.diagnosis && !photos.active(photo.work) ? "found" : "waiting");

function render({ acted = false } = {}) {
  if (current && !photos.photos.includes(current)) current = null;
  current ??= photos.photos.at(-1) ?? null;
  const lost = !current && at("panel").contains(document.activeElement); // with the last photo
  at("welcome").hidden = current !== null;
  at("studio").hidden = at("add").hidden = current === null;
  if (!current) {
    if (lost) at("file").focus();
    if (location.hash) history.replaceState(null, "", location.pathname);
    return;
  }
  strip.show(current);
  viewer.show(current, stateOf(current));
  redrawPanel(acted);
  const id = photos.linkOf(current);
  const hash = id ? `#${id}` : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname);
  photos.fetchParts(current);
  tell();
}

// Anew only when more than its figures changed, and not under a finger or a choice that is open: else
// what is pressed, dragged or chosen from would be torn out. What the person did there is drawn at once.
function redrawPanel(acted) {
  const root = at("panel");
  update(root, current);
  const now = standsFor(current);
  const another = drawnFor !== current;
  const held = root.contains(document.activeElement) ? document.activeElement : null;
  owed = now !== drawn && !acted && !another && (root.querySelector(":active") !== null || Boolean(held?.matches("select, input[type=color]")));
  if (now === drawn || owed) return;
  drawn = now;
  drawnFor = current;
  root.replaceChildren(...panel(current, acts));
  if (!held) return;
  const same = !another && held.id && root.querySelector(`#${CSS.escape(held.id)}`);
  if (same) same.focus({ preventScroll: true });
  else at("photo-name").focus();
}

// All that the panel of a photo shows, but for what `update` brings up to date. Of other photos only
// how many there are of a kind.
function standsFor(photo) {
  const { strokes, file, pictures, sending: share, stop, look, work, ...rest } = photo;
  const jobs = [look, work].map((job) => job && { ...job, fraction: 0, eta_s: 0, place: 0, stage: null });
  const others = [photos.waiting(), photos.photos.filter(photos.restored), photos.photos.filter(photos.onlyHere), photos.others(photo)];
  return JSON.stringify([rest, file !== null, share !== null, stop !== null, jobs, strokes.length, photo.chosen && [...photo.chosen], viewer.picks(), others.map(({ length }) => length)]);
}

// For those who do not see the page: what has become of the photo, once.
function tell() {
  const running = [current.work, current.look].find((job) => job?.status === "running");
  const words = `${current.name}: ${current.error ?? current.away?.words ?? (running ? doing(running.stage) : strip.standing(current))}`;
  if (words !== said) at("status").textContent = words;
  said = words;
}

function select(photo) {
  current = photo;
  if (photo.jobs.length === 0 && photo.file && photo.sending === null && !photo.stopped && !together.has(photo)) sending.look(photo);
  render();
}

function take(files) {
  const added = photos.add([...files]);
  if (added.length) select(added[0]);
}

const together = new Set(); // photos that are restored one after the other, and have not been yet

const acts = {
  changed: () => render({ acted: true }),
  restore: () => {
    if (current.sending !== null || photos.active(current.work)) return; // begun with others, while a choice was open
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
    at("where").textContent = facts.stays ? "Runs on this computer; nothing leaves it." : `Photos are deleted after ${kept}.`;
    const opens = facts.needs_key || api.key.get() ? "Only your key opens it." : "Only your link opens it.";
    at("promise-where").textContent = `${facts.stays ? "It is worked on here and sent nowhere." : opens} What was made is deleted after ${kept}, or at once when you say so.`;
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

viewer.begin(acts.changed);
strip.begin(select);
addEventListener("beforeunload", (event) => photos.photos.some(photos.onlyHere) && event.preventDefault());
// After all else that comes of them, as a click.
for (const name of ["focusout", "pointerup", "pointercancel", "keyup", "click"]) addEventListener(name, () => setTimeout(() => owed && render()));
at("file").addEventListener("change", () => {
  take(at("file").files);
  at("file").value = "";
});
at("add").addEventListener("click", () => at("file").click());
addEventListener("hashchange", () => start());
dropping.begin(take, () => flash("There is no photo in what was dropped."));
themes();
keys();
start();
