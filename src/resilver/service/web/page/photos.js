// The photos of this page, and what is known of each.

import * as api from "./api.js";
import { copyOf as copyOfColours, fresh as freshColours } from "./colours.js";

export const photos = [];
export let changed = () => {}; // told whenever there is something new to see
let numbers = 0;

export function begin(onChange) {
  changed = onChange;
}

export const fresh = (name) => ({
  number: (numbers += 1), // within this page
  name, // as the person knows it; the service is not told
  file: null, // if it was chosen in this page
  url: null, // of the file, to be shown
  jobs: [], // every job of it, as memory.js keeps them
  kept: null, // where it is remembered
  away: null, // {words, more, locked} while it is not to be had; locked: for want of a key
  turn: 0, // how often it was recalled
  look: null, // the last job that looked at it, as the API shows it
  work: null, // the last job that restored it
  diagnosis: null,
  report: null,
  sending: null, // share of the upload that is done
  stop: null, // breaks the upload off, while the service cannot have all of it
  stopped: false, // sending it came to nothing: only a button sends it again
  refused: false, // the service does not take it for what it is
  error: null,
  adjusting: false, // whether something else is wished for than the result that is there
  steps: {}, // stage -> {on, strength}; as found until somebody decides
  chosen: null, // numbers of the faces to restore; null = all
  strokes: [], // painted damage
  colouring: freshColours(), // colours for a black and white photo
  neutral: false, // whether the tone of a sepia print is taken away
  upscale: "", // times larger, or "auto"; "" = as large as it is
  vivid: null, // how much of an enlargement is drawn; null = as measured best
  ext: "", // type of the result; "" = as the photo
  pictures: {}, // blob URLs of before, after, damage, and of a small one for the strip
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

// The job that a photo stands for.
export const last = (photo, part) => photo.jobs.findLast((job) => job.part === part);
export const mainJob = (photo) => last(photo, "work") ?? last(photo, "look") ?? photo.jobs.at(-1);

// The id that the link of a photo carries.
export const linkOf = (photo) => mainJob(photo)?.id;

// Takes away what is known of a job of a photo.
export function detach(photo, part) {
  photo[part] = null;
  photo[part === "look" ? "diagnosis" : "report"] = null;
  forgetPictures(photo, [part === "look" ? "damage" : "after"]);
  if (!photo.look && !photo.work) forgetPictures(photo, ["before", "small"]);
}

export const active = (job) => job !== null && (job.status === "queued" || job.status === "running");
export const restored = (photo) => photo.work?.status === "succeeded";
export const busy = (photo) => photo.sending !== null || active(photo.look) || active(photo.work);

// The photos that can be restored together.
export const waiting = () => photos.filter((photo) => photo.file && !photo.away && !photo.refused && !busy(photo) && !restored(photo));

// Whether it would be lost with the page: what is half sent is, and what the service has never had.
export const onlyHere = (photo) => photo.sending !== null || (photo.file !== null && photo.jobs.length === 0);

// What is remembered of the colours of one photo, for all that are not restored yet.
export function colourAll(photo) {
  for (const other of others(photo)) other.colouring = copyOfColours(photo.colouring);
  changed();
}

export const others = (photo) => photos.filter((other) => other !== photo && !restored(other));

// Out of this page.
export function take(photo) {
  forgetPictures(photo, Object.keys(photo.pictures));
  if (photo.url) URL.revokeObjectURL(photo.url);
  photos.splice(photos.indexOf(photo), 1);
}

export function forgetPictures(photo, names) {
  for (const name of names) {
    if (photo.pictures[name]) URL.revokeObjectURL(photo.pictures[name]);
    delete photo.pictures[name];
  }
}

const TRY_AGAIN_MS = 5000;
const fetching = new WeakSet(); // photos whose parts are on their way
const unfetched = new WeakMap(); // photo -> what was said when they did not come

// Fetches what is needed to show a photo in its present state; told by `changed` when it is there.
export async function fetchParts(photo) {
  if (fetching.has(photo)) return;
  fetching.add(photo);
  try {
    const { look } = photo;
    if (look?.status === "succeeded" && photo.diagnosis === null) {
      const diagnosis = await api.diagnosis(look);
      for (const name of ["damage", "before"]) await picture(photo, look, name);
      if (photo.look === look) photo.diagnosis = diagnosis;
      changed();
    }
    const { work } = photo;
    if (restored(photo) && !(photo.pictures.after && photo.report)) {
      for (const name of ["before", "after"]) await picture(photo, work, name);
      const report = await api.report(work);
      if (photo.work === work) photo.report = report;
      changed();
    }
    if (photo.error !== null && photo.error === unfetched.get(photo)) {
      photo.error = null;
      changed();
    }
    unfetched.delete(photo);
  } catch (error) {
    photo.error = api.passes(error) ? `${error.message} It is tried again.` : error.message;
    unfetched.set(photo, photo.error);
    if (api.passes(error)) setTimeout(changed, TRY_AGAIN_MS);
    changed();
  } finally {
    fetching.delete(photo);
  }
}

// --- a small picture, of a photo that is not shown ---

const SMALL_PX = 256; // its longer side
const unhad = new Set(); // ids of jobs whose picture did not come

const pictured = ({ look, work }) => [work, look].find((job) => job?.status === "succeeded");
export const hasSmall = (photo) => pictured(photo) !== undefined && !unhad.has(pictured(photo).id);

export async function fetchSmall(photo) {
  const job = pictured(photo);
  try {
    const small = await shrunk(await api.file(job, job.looks ? "before" : "after"));
    if (photos.includes(photo) && pictured(photo) === job) photo.pictures.small = URL.createObjectURL(small);
  } catch (error) {
    unhad.add(job.id);
    if (api.passes(error)) setTimeout(() => unhad.delete(job.id) && changed(), TRY_AGAIN_MS);
  }
}

async function shrunk(blob) {
  const whole = await createImageBitmap(blob);
  const scale = Math.min(1, SMALL_PX / Math.max(whole.width, whole.height));
  const canvas = new OffscreenCanvas(Math.ceil(whole.width * scale), Math.ceil(whole.height * scale));
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return canvas.convertToBlob({ type: "image/jpeg" });
}

async function picture(photo, job, name) {
  if (photo.pictures[name]) return;
  const blob = await api.file(job, name);
  if (photos.includes(photo) && (photo.look === job || photo.work === job)) photo.pictures[name] = URL.createObjectURL(blob);
}
