// The photo, large: before and after with a cut between them, damage over it, faces, zoom, painting.

import { draw, tint, tooLarge } from "./paint.js";
import { step } from "./photos.js";

const MOST_ZOOM = 16;
const STEP = 1.4;
const COLOURS = { add: "rgb(0 150 255)", erase: "rgb(250 250 250)" };
const TINT = [230, 60, 20];
const HINT_STEP = 0.02; // between two points of a colour that is painted, in longer sides of the photo

const at = (id) => document.getElementById(id);
const parts = Object.fromEntries(
  ["viewer", "sheet", "before", "after", "damage", "strokes", "faces", "cut", "slider", "placeholder", "tag-before", "tag-after",
    "zoom-in", "zoom-out", "zoom-fit", "damage-toggle", "damage-shown", "paint-tools", "paint-add", "paint-erase", "paint-size", "paint-undo", "keys", "brush"]
    .map((id) => [id, at(id)]),
);

let photo = null;
let size = null; // of the photo, px
let zoom = 1; // 1 = the whole photo is seen
let centre = [0.5, 0.5]; // of what is seen, in parts of the photo
let compares = false;
let painting = null; // "add", "erase" or null
let stroke = null;
let hint = null; // a colour that is being painted
let spot = null; // of the brush, in parts of the photo; for those who paint by keys
let tinted = null; // the URL that the damage layer shows
let pointers = new Map();
let told = () => {};

export function begin(onChange) {
  told = onChange;
  parts.viewer.addEventListener("pointerdown", press);
  parts.viewer.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) parts.viewer.addEventListener(name, release);
  parts.viewer.addEventListener("wheel", wheel, { passive: false });
  parts.viewer.addEventListener("pointerleave", () => (parts.brush.hidden = true));
  parts.slider.addEventListener("input", () => cut(Number(parts.slider.value)));
  parts["zoom-in"].addEventListener("click", () => zoomTo(zoom * STEP));
  parts["zoom-out"].addEventListener("click", () => zoomTo(zoom / STEP));
  parts["zoom-fit"].addEventListener("click", fit);
  parts["damage-shown"].addEventListener("change", layers);
  parts["paint-add"].addEventListener("click", () => paint("add"));
  parts["paint-erase"].addEventListener("click", () => paint("erase"));
  parts["paint-undo"].addEventListener("click", undo);
  parts.viewer.addEventListener("keydown", keyed);
  parts.before.addEventListener("load", loaded);
  parts.before.addEventListener("error", () => {
    parts.sheet.hidden = true;
    parts.placeholder.hidden = false;
  });
  new ResizeObserver(place).observe(parts.viewer);
}

// Shows a photo as it stands now; `state` is "waiting", "found" or "restored".
export function show(next, state) {
  const another = next !== photo;
  photo = next;
  if (another) {
    size = null;
    tinted = null;
    fit();
    paint(null);
    cut(50);
  }
  compares = state === "restored" && Boolean(photo.pictures.after);
  const source = photo.pictures.before ?? photo.url;
  if (source && parts.before.src !== source) {
    parts.sheet.hidden = false;
    parts.placeholder.hidden = true;
    parts.before.src = source;
  }
  if (!source) parts.sheet.hidden = true;
  parts.placeholder.hidden = Boolean(source) && !parts.sheet.hidden;
  parts.placeholder.textContent = "This kind of file is shown once it has been looked at.";
  parts.before.alt = compares ? `${photo.name}, as it was` : photo.name;
  if (compares && parts.after.src !== photo.pictures.after) parts.after.src = photo.pictures.after;
  parts.after.alt = `${photo.name}, restored`;
  parts.after.hidden = !compares;
  for (const name of ["cut", "slider", "tag-before", "tag-after"]) parts[name].hidden = !compares;
  const found = state === "found" && photo.diagnosis !== null;
  const paintable = found && photo.diagnosis.findings.some((finding) => finding.stage === "repair");
  if (!found && painting) paint(null);
  parts["damage-toggle"].hidden = !found;
  parts["paint-tools"].hidden = !paintable || tooLarge(photo.diagnosis.size);
  parts["paint-undo"].disabled = photo.strokes.length === 0;
  parts.keys.textContent = compares
    ? "Drag the line, or use the arrow keys. Wheel or pinch to look closer."
    : picks()
      ? "Click or paint where the colour belongs; or move there with the arrow keys and press the space bar."
    : painting
      ? "Paint with the pointer; or move the brush with the arrow keys and press the space bar."
      : "";
  size = found ? photo.diagnosis.size : size;
  if (found && photo.pictures.damage && tinted !== photo.pictures.damage) {
    tinted = photo.pictures.damage;
    tint(parts.damage, tinted, photo.diagnosis.size, TINT);
  }
  layers();
  boxes(found);
  place();
}

function loaded() {
  if (!photo?.diagnosis) size = { width: parts.before.naturalWidth, height: parts.before.naturalHeight };
  place();
}

function layers() {
  const found = !parts["damage-toggle"].hidden;
  parts.damage.hidden = !(found && parts["damage-shown"].checked && tinted);
  parts.strokes.hidden = !found;
  if (found) repaint();
}

// The faces that were found, as boxes to choose.
function boxes(found) {
  const faces = found ? photo.diagnosis.faces : [];
  const hints = found && photo.colouring.on ? photo.colouring.hints : [];
  parts.faces.toggleAttribute("hidden", faces.length + hints.length === 0);
  if (faces.length + hints.length === 0) return parts.faces.replaceChildren();
  const restoring = step(photo, "faces").on;
  parts.faces.setAttribute("viewBox", `0 0 ${photo.diagnosis.size.width} ${photo.diagnosis.size.height}`);
  const wide = 0.012 * Math.max(photo.diagnosis.size.width, photo.diagnosis.size.height);
  return parts.faces.replaceChildren(
    ...hints.flatMap(({ colour, points }) => mark(points.map(([x, y]) => [x * photo.diagnosis.size.width, y * photo.diagnosis.size.height]), colour, wide)),
    ...faces.map(({ number, box, verdict }) => {
      const chosen = restoring && verdict === "lost detail" && (photo.chosen === null || photo.chosen.has(number));
      return shape("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top, class: chosen ? "face chosen" : "face" });
    }),
  );
}

// A point or a stroke in the colour that a person remembers, with a light rim to be seen on any photo.
function mark(points, colour, wide) {
  if (points.length === 1) return [shape("circle", { cx: points[0][0], cy: points[0][1], r: wide, fill: colour, class: "hint" })];
  const line = points.map((point) => point.join(",")).join(" ");
  return [
    shape("polyline", { points: line, stroke: "#fff", "stroke-width": 2.4 * wide, class: "hint-line" }),
    shape("polyline", { points: line, stroke: colour, "stroke-width": 1.8 * wide, class: "hint-line" }),
  ];
}

function shape(kind, values) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
  return made;
}

// Sheet: as large as the viewer allows, times the zoom, moved so that the centre is in the middle.
function place() {
  if (!size) return;
  const room = parts.viewer.getBoundingClientRect();
  if (room.width === 0) return;
  const scale = Math.min(room.width / size.width, room.height / size.height);
  const [width, height] = [size.width * scale * zoom, size.height * scale * zoom];
  const clamp = (value, part) => (part >= 1 ? 0.5 : Math.min(Math.max(value, part / 2), 1 - part / 2));
  centre = [clamp(centre[0], room.width / width), clamp(centre[1], room.height / height)];
  Object.assign(parts.sheet.style, {
    width: `${width}px`,
    height: `${height}px`,
    left: `${room.width / 2 - centre[0] * width}px`,
    top: `${room.height / 2 - centre[1] * height}px`,
  });
  parts.viewer.classList.toggle("close", zoom > 1);
}

function fit() {
  zoom = 1;
  centre = [0.5, 0.5];
  place();
}

function zoomTo(wanted, where = null) {
  const before = where && inPhoto(where);
  zoom = Math.min(Math.max(wanted, 1), MOST_ZOOM);
  place();
  if (!before) return;
  const after = inPhoto(where); // the place under the pointer stays there
  centre = [centre[0] + before[0] - after[0], centre[1] + before[1] - after[1]];
  place();
}

function inPhoto([x, y]) {
  const box = parts.sheet.getBoundingClientRect();
  return [(x - box.left) / box.width, (y - box.top) / box.height];
}

function wheel(event) {
  if (!size) return;
  event.preventDefault();
  zoomTo(zoom * Math.exp(-event.deltaY / 400), [event.clientX, event.clientY]);
}

function cut(percent) {
  const value = Math.min(Math.max(percent, 0), 100);
  parts.slider.value = String(value);
  parts.slider.setAttribute("aria-valuetext", `${Math.round(value)} percent before`);
  parts.sheet.style.setProperty("--cut", `${value}%`);
}

// --- pointer: one paints, moves the cut or the photo; two zoom ---

function press(event) {
  if (!size || event.button !== 0) return;
  parts.viewer.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (pointers.size > 1) {
    stroke = hint = null;
    return;
  }
  if (picks()) startHint(inPhoto([event.clientX, event.clientY]));
  else if (painting) startStroke(inPhoto([event.clientX, event.clientY]));
  else if (compares) {
    parts.slider.focus({ preventScroll: true });
    if (nearCut(event) || zoom === 1) {
      pointers.set("cuts", true);
      cut(100 * inPhoto([event.clientX, event.clientY])[0]);
    }
  }
  event.preventDefault();
}

function nearCut(event) {
  const box = parts.sheet.getBoundingClientRect();
  const line = box.left + (Number(parts.slider.value) / 100) * box.width;
  return Math.abs(event.clientX - line) < 28;
}

function move(event) {
  hover(event);
  const last = pointers.get(event.pointerId);
  if (!last) return;
  const now = [event.clientX, event.clientY];
  const others = [...pointers].filter(([id]) => id !== event.pointerId && id !== "cuts");
  if (others.length === 1) {
    const other = others[0][1];
    const distance = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    zoomTo((zoom * distance(now)) / Math.max(distance(last), 1), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
  } else if (stroke) extend(inPhoto(now));
  else if (hint) extendHint(inPhoto(now));
  else if (pointers.has("cuts")) cut(100 * inPhoto(now)[0]);
  else {
    const box = parts.sheet.getBoundingClientRect();
    centre = [centre[0] - (now[0] - last[0]) / box.width, centre[1] - (now[1] - last[1]) / box.height];
    place();
  }
  pointers.set(event.pointerId, now);
}

function release(event) {
  pointers.delete(event.pointerId);
  if (pointers.size <= 1) pointers.delete("cuts");
  if (stroke) endStroke();
  if (hint) endHint();
}

// --- painting ---

function paint(mode) {
  painting = painting === mode ? null : mode;
  parts["paint-add"].setAttribute("aria-pressed", String(painting === "add"));
  parts["paint-erase"].setAttribute("aria-pressed", String(painting === "erase"));
  parts.viewer.classList.toggle("painting", painting !== null);
  parts.viewer.tabIndex = painting ? 0 : -1;
  parts.viewer.setAttribute("aria-label", painting ? "Photo to paint on" : "");
  parts.brush.hidden = true;
  spot = null;
  if (photo) told();
}

// Whether the next click or stroke puts a colour that the person remembers.
export const picks = () => painting === "hint";
export const pick = (on) => on !== picks() && paint("hint");

const inside = ([x, y]) => x >= 0 && y >= 0 && x < 1 && y < 1;

function startHint(where) {
  if (!inside(where)) return paint(null);
  hint = { colour: photo.colouring.brush, points: [where] };
  photo.colouring.hints.push(hint);
  return boxes(true);
}

function extendHint(where) {
  const last = hint.points.at(-1);
  const far = Math.hypot((where[0] - last[0]) * size.width, (where[1] - last[1]) * size.height);
  if (!inside(where) || far < HINT_STEP * Math.max(size.width, size.height)) return;
  hint.points.push(where);
  boxes(true);
}

function endHint() {
  hint = null;
  paint(null);
}

// The brush is as wide on the screen as it says, so zooming in paints finer.
const radius = () => (Number(parts["paint-size"].value) / 2) * (size.width / parts.sheet.getBoundingClientRect().width);

function startStroke(where) {
  stroke = { erase: painting === "erase", radius: radius(), points: [[where[0] * size.width, where[1] * size.height]] };
  photo.strokes.push(stroke);
  repaint();
}

function extend(where) {
  stroke.points.push([where[0] * size.width, where[1] * size.height]);
  repaint();
}

function endStroke() {
  stroke = null;
  told();
}

function undo() {
  photo.strokes.pop();
  repaint();
  told();
}

function repaint() {
  const canvas = parts.strokes;
  const scale = Math.min(1, 2000 / Math.max(size.width, size.height));
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  draw(canvas.getContext("2d"), photo.strokes, scale, COLOURS);
}

function hover(event) {
  if (!painting || picks() || event.pointerType === "touch") return;
  const room = parts.viewer.getBoundingClientRect();
  showBrush(event.clientX - room.left, event.clientY - room.top);
}

function showBrush(x, y) {
  const width = Number(parts["paint-size"].value);
  parts.brush.hidden = false;
  Object.assign(parts.brush.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${width}px` });
}

function keyed(event) {
  if (!painting || event.target !== parts.viewer) return;
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const box = parts.sheet.getBoundingClientRect();
  spot ??= [...centre];
  if (event.key in steps) {
    const far = event.shiftKey ? 40 : 8;
    spot = [spot[0] + (steps[event.key][0] * far) / box.width, spot[1] + (steps[event.key][1] * far) / box.height].map((value) => Math.min(Math.max(value, 0), 1));
    if (stroke) extend(spot);
  } else if (event.key === " ") {
    if (picks()) {
      startHint(spot);
      endHint();
    } else if (stroke) endStroke();
    else startStroke(spot);
  } else if (event.key === "Escape") return paint(null);
  else return undefined;
  const room = parts.viewer.getBoundingClientRect();
  showBrush(box.left - room.left + spot[0] * box.width, box.top - room.top + spot[1] * box.height);
  return event.preventDefault();
}
