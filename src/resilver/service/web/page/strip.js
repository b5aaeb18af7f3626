// The photos of the page, small, to choose among.

import { element } from "./panel.js";
import * as photos from "./photos.js";

const list = document.getElementById("strip");
const items = new Map(); // photo -> its list item, which stays while the photo is there
let select = () => {};
let shown = null; // the photo that is shown large, of which everything is fetched anyway

export function begin(onSelect) {
  select = onSelect;
}

export function show(current) {
  shown = current;
  list.parentElement.hidden = photos.photos.length < 2;
  for (const [photo, item] of items) if (!photos.photos.includes(photo)) drop(photo, item);
  for (const photo of photos.photos) if (!items.has(photo)) items.set(photo, made(photo));
  const now = photos.photos.map((photo) => items.get(photo));
  if (now.length !== list.children.length || now.some((item, index) => item !== list.children[index])) list.replaceChildren(...now);
  for (const photo of photos.photos) fill(items.get(photo), photo, photo === current);
  fetchSmall();
}

function made(photo) {
  const picture = element("img", { alt: "", hidden: true });
  const name = element("span", { className: "strip-name" }, photo.name);
  const item = element("li", {}, element("button", { type: "button", onclick: () => select(photo) }, picture, element("span", { className: "no-picture" }), name, element("span", { className: "soft" })));
  seen.observe(item);
  return item;
}

function drop(photo, item) {
  seen.unobserve(item);
  inSight.delete(item);
  items.delete(photo);
}

const sourceOf = ({ pictures, url }) => pictures.after ?? pictures.before ?? url ?? pictures.small;

function fill(item, photo, chosen) {
  const source = sourceOf(photo);
  const [button, picture, blank, words] = ["button", "img", ".no-picture", ".soft"].map((which) => item.querySelector(which));
  if (source && picture.src !== source) picture.src = source;
  picture.hidden = !source;
  blank.hidden = Boolean(source);
  if (words.textContent !== standing(photo)) words.textContent = standing(photo);
  button.setAttribute("aria-current", String(chosen));
}

// How a photo stands, in few words.
export function standing(photo) {
  if (photo.error) return "see here";
  if (photo.away) return photo.away.locked ? "needs its key" : "is fetched";
  if (photo.sending !== null) return "sending";
  const job = photos.active(photo.work) ? photo.work : photos.active(photo.look) ? photo.look : null;
  if (job?.status === "queued") return `number ${job.place ?? "?"} in line`;
  if (job) return `${Math.round(100 * job.fraction)} %`;
  if (photos.restored(photo)) return "restored";
  const ended = (photo.work ?? photo.look)?.status;
  if (["failed", "cancelled", "expired"].includes(ended)) return ended;
  return photo.look?.status === "succeeded" ? "looked at" : "not begun";
}

// --- pictures of photos that are not in this page: of those in sight, one after the other ---

const inSight = new Set(); // list items
const seen = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    if (isIntersecting) inSight.add(target);
    else inSight.delete(target);
  }
  fetchSmall();
});
let fetching = false;

async function fetchSmall() {
  if (fetching) return;
  const next = photos.photos.find((photo) => photo !== shown && !sourceOf(photo) && photos.hasSmall(photo) && inSight.has(items.get(photo)));
  if (!next) return;
  fetching = true;
  await photos.fetchSmall(next);
  fetching = false;
  photos.changed();
}
