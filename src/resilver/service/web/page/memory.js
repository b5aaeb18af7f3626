// What the browser remembers of the photos: the name and the jobs of each, not the photo itself.
//
// Every photo has an entry of its own, and a change is made to what is stored at that moment: so two
// tabs do not write over each other, and what one of them sent the other can delete.

const PREFIX = "resilver-photo-";

// Entries {kept, name, since, jobs}, the oldest first. kept: where it is stored; since: ms of 1970;
// jobs: [{id, key, part}], in the order they were sent; key: id of the key it was sent with, "" = of
// none; part: "look" or "work".
export function all() {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  const entries = names.map((kept) => ({ ...read(kept), kept })).filter((entry) => Array.isArray(entry.jobs));
  return entries.sort((one, other) => one.since - other.since);
}

function read(kept) {
  try {
    return JSON.parse(localStorage.getItem(kept));
  } catch {
    return null; // somebody else's, or broken
  }
}

// Every job of a photo: those of this tab and those of others.
export function jobsOf(photo) {
  const stored = (photo.kept && read(photo.kept)?.jobs) || [];
  return [...stored, ...photo.jobs.filter((job) => !stored.some(({ id }) => id === job.id))];
}

export function keep(photo, job) {
  photo.kept ??= PREFIX + job.id;
  store(photo, [...jobsOf(photo).filter(({ id }) => id !== job.id), job]);
}

export function drop(photo, id) {
  store(photo, jobsOf(photo).filter((job) => job.id !== id));
}

export function forget(photo) {
  if (photo.kept) localStorage.removeItem(photo.kept);
}

function store(photo, jobs) {
  photo.jobs = jobs;
  if (!photo.kept) return; // from a link that nothing came of yet
  if (jobs.length === 0) return forget(photo);
  const since = read(photo.kept)?.since ?? Date.now();
  localStorage.setItem(photo.kept, JSON.stringify({ name: photo.name, since, jobs }));
}
