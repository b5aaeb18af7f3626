// The HTTP API, as the page uses it: the same one that everybody else has.
//
// A job is asked for with the key it was sent with, or without one if it was sent without. So when
// the service says that there is no such job, it is gone.

const OWN = "/v1/restorations";
const KEPT = "resilver-key";
const LOST = new Set([0, 502, 504]); // no answer, or a proxy had none
const AGAIN_AFTER_MS = [1000, 4000];

class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status; // 0 = there was no answer
  }
}

// Whoever sends a photo broke it off.
export class Stopped extends Error {}

export const isGone = (error) => error.status === 404 || error.status === 410;
export const isUnfit = (error) => error.status === 413 || error.status === 415;
export const passes = (error) => error.status === 0 || error.status === 429 || error.status >= 500;

export const key = {
  get: () => sessionStorage.getItem(KEPT) ?? "",
  fits: (text) => /^[\x21-\x7e]+$/.test(text), // what a header can carry
  set: (text) => (text ? sessionStorage.setItem(KEPT, text) : sessionStorage.removeItem(KEPT)),
  id: () => idIn(key.get()),
};

// Of a key `rsv_ID_SECRET`, as the service names it: it opens nothing, so it may be remembered.
const idIn = (text) => text.split("_")[1] ?? "";

// job: {id, key}, see memory.js
export const opens = (job) => job.key === "" || job.key === key.id();

const headers = (text) => (text ? { Authorization: `Bearer ${text}` } : {});

async function ask(path, { method = "GET", text = key.get() } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, headers: headers(text) });
  } catch {
    throw new Refused(0, "The service cannot be reached.");
  }
  if (!answer.ok) throw new Refused(answer.status, await wordsOf(answer));
  return answer;
}

async function wordsOf(answer) {
  try {
    return (await answer.json()).detail ?? answer.statusText;
  } catch {
    return `The service answered ${answer.status}.`;
  }
}

async function askFor(job, path = "", method = "GET") {
  if (!opens(job)) throw new Refused(401, "This needs the key that the photo was sent with.");
  return ask(`${OWN}/${job.id}${path}`, { method, text: job.key && key.get() });
}

const seen = async (job, answer) => ({ ...(await answer.json()), key: job.key });

export const about = async () => (await ask("/v1/about")).json();
export const show = async (job) => seen(job, await askFor(job));
export const cancel = async (job) => seen(job, await askFor(job, "/cancel", "POST"));
export const diagnosis = async (job) => (await askFor(job, "/diagnosis")).json();
export const report = async (job) => (await askFor(job, "/report")).json();
export const file = async (job, name) => (await askFor(job, `/${name}`)).blob();
export const reportLink = (job) => `${OWN}/${job.id}/report?format=html`;

// A job of which only the link is known: it may belong to the key, or be anybody's.
export async function open(id) {
  try {
    return await show({ id, key: key.id() });
  } catch (error) {
    if (!key.get() || !(isGone(error) || error.status === 401)) throw error;
    return show({ id, key: "" });
  }
}

export async function remove(job) {
  try {
    await askFor(job, "", "DELETE");
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

// Sends a form. upload: {sent, stop, left}: told how much of it has left; a signal that breaks it off;
// told when that is too late, since the service may have all of it.
//
// Where no answer came, it may have the photo as well. It is sent again under the same idempotency
// key: so the page learns of it, and can delete it.
export async function submit(fields, upload) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) form.append(name, value, name);
    else form.append(name, String(value));
  }
  const text = key.get();
  const once = { ...headers(text), "Idempotency-Key": random() };
  for (const pause of AGAIN_AFTER_MS) {
    try {
      return await posted(form, text, once, upload);
    } catch (error) {
      if (!LOST.has(error.status)) throw error;
    }
    upload.left();
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return posted(form, text, once, upload);
}

// Not crypto.randomUUID, which a page without TLS lacks.
const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// XMLHttpRequest, since fetch does not tell how much has left.
function posted(form, text, once, { sent, stop, left }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", OWN);
    for (const [name, value] of Object.entries(once)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && sent(event.loaded / event.total);
    request.upload.onload = left;
    stop.addEventListener("abort", () => request.abort(), { once: true });
    request.onabort = () => reject(new Stopped());
    request.onerror = () => reject(new Refused(0, "The service cannot be reached."));
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        /* words of a proxy in between */
      }
      if (request.status === 202) resolve({ ...answer, key: idIn(text) });
      else reject(new Refused(request.status, answer.detail ?? `The service answered ${request.status}.`));
    };
    request.send(form);
  });
}
