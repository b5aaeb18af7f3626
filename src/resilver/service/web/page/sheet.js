// Where the photo lies in the viewer: how large, and which part of it is seen.

const MOST_ZOOM = 16;
const STEP = 1.4;
const MOVE = 0.15; // of what is seen, by one press of an arrow key

const viewer = document.getElementById("viewer");
const sheet = document.getElementById("sheet");
const status = document.getElementById("status");

export let size = null; // of the photo, px
export let zoom = 1; // 1 = the whole photo is seen
export let centre = [0.5, 0.5]; // of what is seen, in parts of the photo

export function begin() {
  viewer.addEventListener("wheel", wheel, { passive: false });
  for (const [id, act] of [["zoom-in", closer], ["zoom-out", farther], ["zoom-fit", whole]]) document.getElementById(id).addEventListener("click", act);
  new ResizeObserver(place).observe(viewer);
}

export function measure(photoSize) {
  size = photoSize;
  place();
}

// As large as the viewer allows, times the zoom, moved so that the centre is in the middle.
function place() {
  if (!size) return;
  const room = viewer.getBoundingClientRect();
  if (room.width === 0) return;
  const scale = Math.min(room.width / size.width, room.height / size.height);
  const [width, height] = [size.width * scale * zoom, size.height * scale * zoom];
  const clamp = (value, part) => (part >= 1 ? 0.5 : Math.min(Math.max(value, part / 2), 1 - part / 2));
  centre = [clamp(centre[0], room.width / width), clamp(centre[1], room.height / height)];
  Object.assign(sheet.style, {
    width: `${width}px`,
    height: `${height}px`,
    left: `${room.width / 2 - centre[0] * width}px`,
    top: `${room.height / 2 - centre[1] * height}px`,
  });
  viewer.classList.toggle("close", zoom > 1);
}

export function fit() {
  zoom = 1;
  centre = [0.5, 0.5];
  place();
}

export function zoomTo(wanted, where = null) {
  const before = where && inPhoto(where);
  zoom = Math.min(Math.max(wanted, 1), MOST_ZOOM);
  place();
  if (!before) return;
  const after = inPhoto(where); // the place under the pointer stays there
  lookAt([centre[0] + before[0] - after[0], centre[1] + before[1] - after[1]]);
}

export function lookAt(where) {
  centre = where;
  place();
}

// A place on the screen, in parts of the photo.
export function inPhoto([x, y]) {
  const box = sheet.getBoundingClientRect();
  return [(x - box.left) / box.width, (y - box.top) / box.height];
}

// Moves no farther than needed for a place of the photo to be seen.
export function reveal(where) {
  const seen = partSeen();
  lookAt(where.map((value, axis) => Math.min(Math.max(centre[axis], value - 0.45 * seen[axis]), value + 0.45 * seen[axis])));
}

// How much of the photo is seen, in parts of its sides; above 1 where there is room beside it.
function partSeen() {
  const [room, box] = [viewer.getBoundingClientRect(), sheet.getBoundingClientRect()];
  return [room.width / box.width, room.height / box.height];
}

function wheel(event) {
  if (!size) return;
  event.preventDefault();
  zoomTo(zoom * Math.exp(-event.deltaY / 400), [event.clientX, event.clientY]);
}

// --- by buttons and keys, which say what they did ---

function closer() {
  zoomTo(zoom * STEP);
  say();
}

function farther() {
  zoomTo(zoom / STEP);
  say();
}

function whole() {
  fit();
  say();
}

const say = () => (status.textContent = zoom === 1 ? "The whole photo is seen." : `${zoom.toFixed(1)} times as large.`);

const SIDES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOMS = { "+": closer, "=": closer, "-": farther, "_": farther, 0: whole, Home: whole };

export const sideOf = (event) => SIDES[event.key];

// Larger and smaller. Whether the key was meant for that; with Ctrl and its like it is the browser's.
export function zoomKey(event) {
  if (!size || !(event.key in ZOOMS) || event.ctrlKey || event.metaKey || event.altKey) return false;
  ZOOMS[event.key]();
  return true;
}

// Another part of the photo. Whether there was one.
export function moveKey(event) {
  const side = sideOf(event);
  if (!size || !side || event.ctrlKey || event.metaKey || event.altKey) return false;
  const before = centre;
  const seen = partSeen();
  lookAt(centre.map((value, axis) => value + MOVE * side[axis] * seen[axis]));
  return centre.some((value, axis) => value !== before[axis]);
}
