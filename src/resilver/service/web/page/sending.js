// What is sent to the service about a photo, and taken back.

import * as api from "./api.js";
import * as memory from "./memory.js";
import { active, changed, detach, forgetPictures, take } from "./photos.js";
import { follow, keep } from "./recall.js";
import { wishes } from "./wishes.js";

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
  photo.error = null;
  photo.sending = 0;
  changed();
  try {
    const job = await submitted(photo, fields, (done) => {
      photo.sending = done;
      changed();
    });
    keep(photo, job);
    photo[part] = job;
    if (part === "work") {
      forgetPictures(photo, ["after"]);
      photo.report = null;
    }
    follow(photo, part);
  } catch (error) {
    photo.error = error.message;
  }
  photo.sending = null;
  changed();
}

// Sends the photo, or, while the service still has it, only says which it is.
async function submitted(photo, fields, sent) {
  const earlier = [photo.look, photo.work].find((job) => job && job.status !== "expired");
  try {
    if (earlier) return await api.submit({ ...fields, of: earlier.id }, sent);
  } catch (error) {
    if (!api.isGone(error)) throw error;
  }
  if (photo.file) return api.submit({ ...fields, photo: photo.file }, sent);
  throw new Error("The service does not have this photo any more, or not for this key. Choose it again.");
}

export async function cancel(photo, part = active(photo.work) ? "work" : "look") {
  try {
    photo[part] = await api.cancel(photo[part]);
  } catch (error) {
    if (error.status !== 409) photo.error = error.message; // 409: over already
  }
  changed();
}

// Deletes every job of a photo, those of other tabs as well.
export async function remove(photo) {
  const failures = [];
  for (const job of memory.jobsOf(photo)) {
    try {
      await api.remove(job);
      memory.drop(photo, job.id);
    } catch (error) {
      failures.push(error.message);
    }
  }
  if (failures.length) {
    for (const part of ["look", "work"]) if (photo[part] && !photo.jobs.some(({ id }) => id === photo[part].id)) detach(photo, part);
    photo.error = `Not all of it was deleted. ${failures[0]}`;
  } else take(photo);
  changed();
}

// Forgets a photo in this browser; the service keeps it as long as it keeps any.
export function forget(photo) {
  memory.forget(photo);
  take(photo);
  changed();
}
