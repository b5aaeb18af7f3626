// What became of the photos: of those of earlier visits and of a link, and of those under way.

import * as api from "./api.js";
import * as memory from "./memory.js";
import { active, changed, detach, fresh, last, mainJob, photos, take } from "./photos.js";

const ASK_EVERY_MS = 700;
const SELDOM_MS = 20000;
const TRY_AGAIN_MS = 5000;
const LINK = /^[\w-]{32}$/; // an id, as the service makes them
const COMING = { words: "Fetching it …", more: "", locked: false };

// The photos of earlier visits and of a link, of which only ids are known yet; gives that of the link.
export function remembered(link) {
  const known = new Set(photos.map((photo) => photo.kept));
  for (const { kept, name, jobs } of memory.all()) if (!known.has(kept)) photos.push({ ...fresh(name), kept, jobs, away: COMING });
  if (!LINK.test(link)) return null;
  const linked = photos.find((photo) => photo.jobs.some((job) => job.id === link));
  if (linked) return linked;
  photos.push({ ...fresh("Photo"), jobs: [{ id: link, key: null, part: null }], away: COMING });
  return photos.at(-1);
}

// Fetches what became of them, and of those that the key of now opens or shuts.
export async function recallAll(first) {
  const all = first ? [first, ...photos.filter((photo) => photo !== first)] : [];
  for (const photo of all) if (photo.away || (photo.jobs.length && !api.opens(mainJob(photo)))) await recall(photo);
}

async function recall(photo) {
  const turn = (photo.turn += 1);
  const overtaken = () => turn !== photo.turn; // a key was entered meanwhile
  detach(photo, "work");
  detach(photo, "look");
  try {
    for (const { id, part } of photo.jobs) if (part === null) keep(photo, await api.open(id));
    await recallLast(photo, "work", overtaken);
    await recallLast(photo, "look", overtaken);
  } catch (error) {
    // Once it is restored, that it was looked at need not be seen again.
    if (!overtaken() && !photo.work) return putAway(photo, error);
  }
  if (overtaken()) return;
  photo.away = null;
  if (photo.jobs.length === 0 && !photo.file) take(photo);
  changed();
}

async function recallLast(photo, part, overtaken) {
  for (let job = last(photo, part); job; job = last(photo, part)) {
    try {
      const found = await api.show(job);
      if (overtaken()) return;
      photo[part] = found;
      follow(photo, part);
      return;
    } catch (error) {
      if (!api.isGone(error)) throw error;
      memory.drop(photo, job.id);
    }
  }
}

function putAway(photo, error) {
  detach(photo, "work");
  detach(photo, "look");
  photo.away = awayFor(photo, error);
  const { turn } = photo;
  if (api.passes(error)) setTimeout(() => turn === photo.turn && photos.includes(photo) && recall(photo), TRY_AGAIN_MS);
  changed();
}

function awayFor(photo, error) {
  if (api.passes(error)) return { words: "It cannot be fetched at the moment.", more: `${error.message} It is tried again.`, locked: false };
  if (photo.kept && api.opens(mainJob(photo))) return { words: "This photo needs a key.", more: `The service says: ${error.message}.`, locked: true };
  if (photo.kept) return { words: "This photo needs its key.", more: "Keys are forgotten with the tab they were entered in. Enter it again, and the photo is back.", locked: true };
  if (api.key.get()) return { words: "This key does not open it.", more: "The photo was sent with another key, or it was deleted.", locked: true };
  return { words: "This photo needs its key.", more: "Or it was deleted: without the key nobody is told.", locked: true };
}

export const keep = (photo, { id, key, looks }) => memory.keep(photo, { id, key, part: looks ? "look" : "work" });

const followed = new Set(); // ids of jobs

// Asks how far a job has come until it is over: seldom while it waits long.
export async function follow(photo, part) {
  const { id } = photo[part];
  if (followed.has(id)) return;
  followed.add(id);
  let said = null; // the error of this very errand; others are not for it to take away
  while (photos.includes(photo) && photo[part]?.id === id && active(photo[part])) {
    const eta = photo[part].status === "queued" ? (photo[part].eta_s ?? 60) : 0;
    await new Promise((resolve) => setTimeout(resolve, Math.min(SELDOM_MS, Math.max(ASK_EVERY_MS, eta * 20))));
    if (photo[part]?.id !== id) break;
    try {
      const job = await api.show(photo[part]);
      if (photo[part]?.id !== id) break;
      photo[part] = job;
      if (said !== null && photo.error === said) photo.error = null;
      said = null;
    } catch (error) {
      if (photo[part]?.id !== id) break;
      if (api.isGone(error)) {
        memory.drop(photo, id); // deleted elsewhere
        detach(photo, part);
      } else if (error.status === 401) putAway(photo, error);
      else if (!api.passes(error)) photo.error = said = error.message;
    }
    changed();
  }
  followed.delete(id);
}
