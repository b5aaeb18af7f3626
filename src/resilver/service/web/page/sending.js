// What is sent to the service about a photo, and taken back.

import * as api from "./api.js";
import * as memory from "./memory.js";
import { active, changed, detach, forgetPictures, take } from "./photos.js";
import { follow, keep } from "./recall.js";
import { wishes } from "./wishes.js";

export const look = (photo) => send(photo, "look", { look: true });

export async function restore(photo) {
  let taken = false;
  try {
    taken = await send(photo, "work", await wishes(photo));
  } catch (error) {
    photo.error = error.message;
    changed();
  }
  // Whoever does not wait to see what is wrong need not keep others waiting for it.
  if (taken && active(photo.look)) await cancel(photo, "look");
}

// Whether the service has taken it.
async function send(photo, part, fields) {
  const breaking = new AbortController();
  const show = (figures) => {
    Object.assign(photo, figures);
    changed();
  };
  show({ error: null, refused: false, sending: 0 });
  let taken = false;
  try {
    const upload = {
      stop: breaking.signal,
      sent: (sending) => show({ sending }),
      begins: () => show({ stop: () => breaking.abort() }),
      left: () => show({ stop: null }),
    };
    const job = await submitted(photo, fields, upload);
    taken = true;
    keep(photo, job);
    photo[part] = job;
    if (part === "work") {
      forgetPictures(photo, ["after"]);
      photo.report = null;
    }
    follow(photo, part);
  } catch (error) {
    if (!(error instanceof api.Stopped)) photo.error = error.message;
    photo.refused = api.isUnfit(error) && !photo.upscale; // else it may be the result that is too large
  }
  show({ sending: null, stop: null, stopped: !taken });
  return taken;
}

// Sends the photo, or, while the service still has it, only says which it is.
async function submitted(photo, fields, upload) {
  const earlier = [photo.look, photo.work].find((job) => job && job.status !== "expired");
  try {
    if (earlier) return await api.submit({ ...fields, of: earlier.id }, upload);
  } catch (error) {
    if (!api.isGone(error)) throw error;
  }
  if (photo.file) {
    await beRead(photo.file);
    upload.begins();
    return api.submit({ ...fields, photo: photo.file }, upload);
  }
  throw new Error("The service does not have this photo any more, or not for this key. Choose it again.");
}

// Of a file that is gone a browser says only that nothing was sent, as of a service that is gone. Its
// beginning is read, not a slice of it: that of a file that is gone is empty, and read without a word.
async function beRead(file) {
  const reader = file.stream().getReader();
  try {
    await reader.read();
    await reader.cancel();
  } catch {
    throw new Error("This file cannot be read any more: it was moved, or changed. Choose it again.");
  }
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
