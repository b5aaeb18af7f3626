// The photos of this page: what is known of each, what was decided, and what is sent.
//
// Ids and names of photos are remembered in the browser, so that whoever closes the page finds them
// again; the photos themselves are not.

import * as api from "./api.js";
import { copyOf as copyOfColours, fresh as freshColours, wanted as wantedColours } from "./colours.js";
import { maskOf } from "./paint.js";

const REMEMBERED = "resilver-photos";
const ASK_EVERY_MS = 700;
const SELDOM_MS = 20000;

export const photos = [];
let changed = () => {};
let facts = { stages: [] };
let numbers = 0;

export function begin(serviceFacts, onChange) {
  facts = serviceFacts;
  changed = onChange;
}

const fresh = (name) => ({
  number: (numbers += 1), // within this page
  name, // as the person knows it; the service is not told
  file: null, // if it was chosen in this page
  url: null, // of the file, to be shown
  look: null, // the job that looked at it, as the API shows it
  work: null, // the job that restored it
  diagnosis: null,
  report: null,
  sending: null, // share of the upload that is done
  error: null,
  steps: {}, // stage -> {on, strength}; as found until somebody decides
  chosen: null, // numbers of the faces to restore; null = all
  strokes: [], // painted damage
  colouring: freshColours(), // colours for a black and white photo
  upscale: "", // times larger; "" = as large as it is
  ext: "", // type of the result; "" = as the photo
  pictures: {}, // blob URLs of before, after, damage
});

export function add(files) {
  const added = files.map((file) => {
    const photo = fresh(file.name);
    photo.file = file;
    photo.url = URL.createObjectURL(file);
    return photo;
  });
  photos.push(...added);
  changed();
  return added;
}

// A photo of which only ids are known: from a link, or from the last visit.
async function recall({ name, look, work }) {
  const photo = fresh(name);
  for (const [part, id] of [["look", look], ["work", work]]) {
    if (!id) continue;
    try {
      photo[part] = await api.show(id);
    } catch (error) {
      if (error.status === 0) throw error;
    }
  }
  if (photo.work && photo.work.looks) [photo.look, photo.work] = [photo.work, null];
  if (!photo.look && !photo.work) return null;
  photos.push(photo);
  for (const part of ["look", "work"]) if (active(photo[part])) follow(photo, part);
  return photo;
}

export async function recallAll(link) {
  let kept = [];
  try {
    kept = JSON.parse(localStorage.getItem(REMEMBERED) ?? "[]");
  } catch {
    /* somebody else's, or broken: begin anew */
  }
  if (link && !kept.some((one) => one.look === link || one.work === link)) kept.push({ name: "Photo", look: null, work: link });
  for (const one of kept) {
    const here = photos.some((photo) => [photo.look?.id, photo.work?.id].some((id) => id && (id === one.look || id === one.work)));
    if (!here) await recall(one);
  }
  remember();
  changed();
  return link ? photos.find((photo) => photo.work?.id === link || photo.look?.id === link) : undefined;
}

function remember() {
  const kept = photos.filter((photo) => photo.look || photo.work).map((photo) => ({ name: photo.name, look: photo.look?.id ?? null, work: photo.work?.id ?? null }));
  localStorage.setItem(REMEMBERED, JSON.stringify(kept));
}

export const active = (job) => job !== null && (job.status === "queued" || job.status === "running");
export const restored = (photo) => photo.work?.status === "succeeded";
export const busy = (photo) => photo.sending !== null || active(photo.look) || active(photo.work);

export function step(photo, stage) {
  const found = photo.diagnosis?.findings.find((finding) => finding.stage === stage);
  const marked = stage === "repair" && photo.strokes.some((stroke) => !stroke.erase);
  return photo.steps[stage] ?? { on: marked || (found ? found.found : true), strength: 1, untouched: true };
}

export function decide(photo, stage, values) {
  photo.steps[stage] = { ...step(photo, stage), ...values, untouched: false };
}

// What is remembered of the colours of one photo, for all that are not restored yet.
export function colourAll(photo) {
  for (const other of photos) if (other !== photo && !restored(other)) other.colouring = copyOfColours(photo.colouring);
  changed();
}

export const look = (photo) => send(photo, "look", { look: true });

export async function restore(photo) {
  try {
    await send(photo, "work", await wishes(photo));
  } catch (error) {
    photo.error = error.message;
    changed();
  }
  // Whoever does not wait to see what is wrong need not keep others waiting for it.
  if (!photo.error && active(photo.look)) await cancel(photo, "look");
}

async function send(photo, part, fields) {
  const earlier = [photo.look, photo.work].find((job) => job && job.status !== "expired");
  const of = earlier?.id;
  photo.error = null;
  photo.sending = 0;
  changed();
  try {
    const source = of ? { of } : { photo: photo.file };
    photo[part] = await api.submit({ ...fields, ...source }, (done) => {
      photo.sending = done;
      changed();
    });
    if (part === "work") forgetPictures(photo, ["after"]);
    photo.report = part === "work" ? null : photo.report;
    photo.sending = null;
    remember();
    follow(photo, part);
  } catch (error) {
    photo.error = error.message;
    photo.sending = null;
  }
  changed();
}

// What the person decided, as options of the API.
async function wishes(photo) {
  const fields = {};
  const [skip, force] = [[], []];
  for (const [stage, { on, strength, untouched }] of Object.entries(photo.steps)) {
    if (untouched) continue;
    const found = photo.diagnosis?.findings.find((finding) => finding.stage === stage)?.found ?? true;
    if (!on) skip.push(stage);
    else if (!found) force.push(stage);
    if (!on || strength === 1) continue;
    if (stage === "faces") fields.fidelity = 1 - strength;
    else fields[stage] = strength;
  }
  if (photo.chosen?.size === 0 && !skip.includes("faces")) skip.push("faces");
  if (photo.chosen?.size > 0) fields.faces = [...photo.chosen].join(",");
  if (skip.length) fields.skip = skip.join(",");
  if (force.length) fields.force = force.join(",");
  if (photo.colouring.on) Object.assign(fields, wantedColours(photo.colouring, await sizeOf(photo)));
  if (photo.upscale) fields.upscale = photo.upscale;
  if (photo.ext) fields.ext = photo.ext;
  return { ...fields, ...(await maskOf(photo)) };
}

// Of a photo that was not looked at, as far as the browser can read it.
async function sizeOf(photo) {
  if (photo.diagnosis) return photo.diagnosis.size;
  try {
    const { width, height } = await createImageBitmap(photo.file);
    return { width, height };
  } catch {
    throw new Error("Look at it first: only then it is known where your colours belong.");
  }
}

export async function cancel(photo, part = active(photo.work) ? "work" : "look") {
  try {
    photo[part] = await api.cancel(photo[part].id);
  } catch (error) {
    if (error.status !== 409) photo.error = error.message; // 409: over already
  }
  changed();
}

export async function remove(photo) {
  try {
    for (const job of [photo.look, photo.work]) if (job) await api.remove(job.id);
  } catch (error) {
    photo.error = error.message;
    changed();
    return;
  }
  forgetPictures(photo, Object.keys(photo.pictures));
  if (photo.url) URL.revokeObjectURL(photo.url);
  photos.splice(photos.indexOf(photo), 1);
  remember();
  changed();
}

// Asks how far a job has come until it is over: seldom while it waits long.
async function follow(photo, part) {
  const id = photo[part].id;
  while (photos.includes(photo) && photo[part]?.id === id && active(photo[part])) {
    const eta = photo[part].status === "queued" ? (photo[part].eta_s ?? 60) : 0;
    await new Promise((resolve) => setTimeout(resolve, Math.min(SELDOM_MS, Math.max(ASK_EVERY_MS, eta * 20))));
    try {
      const job = await api.show(id);
      if (photo[part]?.id !== id) return;
      photo[part] = job;
      photo.error = null;
    } catch (error) {
      if (error.status === 404) {
        photo[part] = null; // deleted elsewhere
        remember();
      } else if (error.status !== 0 && error.status < 500 && error.status !== 429) photo.error = error.message;
    }
    changed();
  }
}

const fetching = new WeakSet(); // photos whose parts are on their way

// Fetches what is needed to show a photo in its present state; told by `changed` when it is there.
export async function fetchParts(photo) {
  if (fetching.has(photo)) return;
  fetching.add(photo);
  try {
    if (photo.look?.status === "succeeded" && photo.diagnosis === null) {
      photo.diagnosis = await api.diagnosis(photo.look.id);
      await picture(photo, photo.look.id, "damage");
      await picture(photo, photo.look.id, "before");
      changed();
    }
    if (restored(photo) && !photo.pictures.after) {
      await picture(photo, photo.work.id, "before");
      await picture(photo, photo.work.id, "after");
      photo.report = await api.report(photo.work.id);
      changed();
    }
  } catch (error) {
    photo.error = error.message;
    changed();
  } finally {
    fetching.delete(photo);
  }
}

async function picture(photo, id, name) {
  if (photo.pictures[name]) return;
  photo.pictures[name] = URL.createObjectURL(await api.file(id, name));
}

function forgetPictures(photo, names) {
  for (const name of names) {
    if (photo.pictures[name]) URL.revokeObjectURL(photo.pictures[name]);
    delete photo.pictures[name];
  }
}

export const stages = () => facts.stages;
