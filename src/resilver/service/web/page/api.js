// The HTTP API, as the page uses it: the same one that everybody else has.

const OWN = "/v1/restorations";

export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem("resilver-key") ?? "",
  set: (text) => (text ? sessionStorage.setItem("resilver-key", text) : sessionStorage.removeItem("resilver-key")),
};

const headers = () => (key.get() ? { Authorization: `Bearer ${key.get()}` } : {});

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers() });
  } catch {
    throw new Refused(0, "The service cannot be reached. It is tried again.");
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

export const about = async () => (await ask("/v1/about")).json();
export const show = async (id) => (await ask(`${OWN}/${id}`)).json();
export const cancel = async (id) => (await ask(`${OWN}/${id}/cancel`, { method: "POST" })).json();
export const diagnosis = async (id) => (await ask(`${OWN}/${id}/diagnosis`)).json();
export const report = async (id) => (await ask(`${OWN}/${id}/report`)).json();
export const file = async (id, name) => (await ask(`${OWN}/${id}/${name}`)).blob();
export const reportLink = (id) => `${OWN}/${id}/report?format=html`;

export async function remove(id) {
  try {
    await ask(`${OWN}/${id}`, { method: "DELETE" });
  } catch (error) {
    if (error.status !== 404) throw error; // gone already
  }
}

// Sends a form; told how much of it has left. XMLHttpRequest, since fetch does not tell.
export function submit(fields, sent) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) form.append(name, value, name);
    else form.append(name, String(value));
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", OWN);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && sent(event.loaded / event.total);
    request.onerror = () => reject(new Refused(0, "The service cannot be reached."));
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        /* words of a proxy in between */
      }
      if (request.status === 202) resolve(answer);
      else reject(new Refused(request.status, answer.detail ?? `The service answered ${request.status}.`));
    };
    request.send(form);
  });
}
