// The photo, large: before and after with a cut between them, damage over it, and painting on it.

import { clear, drawOver } from "./overlay.js";
import { draw, tint, tooLarge } from "./paint.js";
import * as sheet from "./sheet.js";
import { inPhoto } from "./sheet.js";

const COLOURS = { add: "rgb(0 150 255)", erase: "rgb(250 250 250)" };
const CLOSER = "Look closer by wheel, pinch or + and \u2212, then drag the photo or use the arrow keys; 0 shows all of it.";
const TINT = [230, 60, 20];
const HINT_STEP = 0.02; // between two points of a colour that is painted, in longer sides of the photo

const at = (id) => document.getElementById(id);
const parts = Object.fromEntries(
  ["viewer", "sheet", "before", "after", "damage", "strokes", "cut", "slider", "placeholder", "tag-before", "tag-after",
    "zoom-tools", "damage-toggle", "damage-shown", "paint-tools", "paint-add", "paint-erase", "paint-size", "paint-undo", "keys", "brush"]
    .map((id) => [id, at(id)]),
);

let photo = null;
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
  // Two fingers zoom, and scroll nothing.
  parts.viewer.addEventListener("touchmove", (event) => event.touches.length > 1 && event.cancelable && event.preventDefault(), { passive: false });
  parts.viewer.addEventListener("pointerleave", () => (parts.brush.hidden = true));
  parts.slider.addEventListener("input", () => {
    cut(Number(parts.slider.value));
    sheet.reveal([Number(parts.slider.value) / 100, sheet.centre[1]]);
  });
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
  sheet.begin();
}

// Shows a photo as it stands now; `state` is "waiting", "found" or "restored".
export function show(next, state) {
  const another = next !== photo;
  photo = next;
  if (another) {
    sheet.measure(null);
    tinted = null;
    sheet.fit();
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
  if (!source) {
    parts.sheet.hidden = true;
    parts.before.removeAttribute("src"); // so that it is loaded anew when one comes back to it
  }
  parts.placeholder.hidden = Boolean(source) && !parts.sheet.hidden;
  parts.placeholder.textContent = photo.away ? (photo.away.locked ? "Not shown without its key." : "") : "This kind of file is shown once it has been looked at.";
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
    ? `Drag the line, or choose it by Tab and use the arrow keys. ${CLOSER}`
    : picks()
      ? "Click or paint where the colour belongs; or move there with the arrow keys and press the space bar."
      : painting
        ? "Paint with the pointer; or move the brush with the arrow keys and press the space bar."
        : source
          ? CLOSER
          : "";
  parts["zoom-tools"].hidden = !source;
  if (photo.diagnosis) sheet.measure(photo.diagnosis.size);
  if (found && photo.pictures.damage && tinted !== photo.pictures.damage) {
    const url = (tinted = photo.pictures.damage);
    tint(parts.damage, url, photo.diagnosis.size, TINT, () => tinted === url);
  }
  layers();
  if (found) drawOver(photo);
  else clear();
}

function loaded() {
  if (!photo?.diagnosis) sheet.measure({ width: parts.before.naturalWidth, height: parts.before.naturalHeight });
}

function layers() {
  const found = !parts["damage-toggle"].hidden;
  parts.damage.hidden = !(found && parts["damage-shown"].checked && tinted);
  parts.strokes.hidden = !found;
  if (found) repaint();
}

function cut(percent) {
  const value = Math.min(Math.max(percent, 0), 100);
  parts.slider.value = String(value);
  parts.slider.setAttribute("aria-valuetext", `${Math.round(value)} percent before`);
  parts.sheet.style.setProperty("--cut", `${value}%`);
}

const cutAt = ({ clientX, clientY }) => cut(100 * inPhoto([clientX, clientY])[0]);

// --- pointer: one paints, moves the cut or the photo; two zoom ---

function press(event) {
  if (!sheet.size || event.button !== 0) return;
  parts.viewer.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (pointers.size > 1) {
    pointers.delete("cuts");
    takeBack();
    return;
  }
  if (picks()) startHint(inPhoto([event.clientX, event.clientY]));
  else if (painting) startStroke(inPhoto([event.clientX, event.clientY]));
  else if (compares) {
    parts.slider.focus({ preventScroll: true });
    if (nearCut(event) || sheet.zoom === 1) {
      const touch = event.pointerType === "touch"; // it may be about to scroll the page
      pointers.set("cuts", touch ? [event.clientX, event.clientY] : null);
      if (!touch) cutAt(event);
    }
  }
  event.preventDefault();
}

// What the first of two fingers began was no painting.
function takeBack() {
  if (stroke) photo.strokes.pop();
  if (hint) photo.colouring.hints.pop();
  if (!stroke && !hint) return;
  stroke = hint = null;
  told();
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
    sheet.zoomTo((sheet.zoom * distance(now)) / Math.max(distance(last), 1), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
  } else if (stroke) extend(inPhoto(now));
  else if (hint) extendHint(inPhoto(now));
  else if (pointers.has("cuts")) slide(event);
  else {
    const [from, to] = [inPhoto(last), inPhoto(now)];
    sheet.lookAt(sheet.centre.map((value, axis) => value - (to[axis] - from[axis])));
  }
  pointers.set(event.pointerId, now);
}

// A finger moves the line once it has gone sideways.
function slide(event) {
  const from = pointers.get("cuts");
  if (from && Math.abs(event.clientX - from[0]) <= Math.abs(event.clientY - from[1])) return;
  pointers.set("cuts", null);
  cutAt(event);
}

function release(event) {
  if (event.type === "pointerup" && pointers.has("cuts")) cutAt(event);
  pointers.delete(event.pointerId);
  if (pointers.size <= 1) pointers.delete("cuts");
  if (stroke) endStroke();
  if (hint) paint(null);
}

// --- painting ---

function paint(mode) {
  stroke = hint = null; // what was begun in another way is not gone on with
  painting = painting === mode ? null : mode;
  parts["paint-add"].setAttribute("aria-pressed", String(painting === "add"));
  parts["paint-erase"].setAttribute("aria-pressed", String(painting === "erase"));
  parts.viewer.classList.toggle("painting", painting !== null);
  parts.viewer.setAttribute("aria-label", painting ? "The photo, to paint on" : "The photo, to look closer");
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
  return drawOver(photo);
}

function extendHint(where) {
  const last = hint.points.at(-1);
  const far = Math.hypot((where[0] - last[0]) * sheet.size.width, (where[1] - last[1]) * sheet.size.height);
  if (!inside(where) || far < HINT_STEP * Math.max(sheet.size.width, sheet.size.height)) return;
  hint.points.push(where);
  drawOver(photo);
}

// The brush is as wide on the screen as it says, so zooming in paints finer.
const radius = () => (Number(parts["paint-size"].value) / 2) * (sheet.size.width / parts.sheet.getBoundingClientRect().width);

function startStroke(where) {
  stroke = { erase: painting === "erase", radius: radius(), points: [[where[0] * sheet.size.width, where[1] * sheet.size.height]] };
  photo.strokes.push(stroke);
  repaint();
}

function extend(where) {
  stroke.points.push([where[0] * sheet.size.width, where[1] * sheet.size.height]);
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
  const scale = Math.min(1, 2000 / Math.max(sheet.size.width, sheet.size.height));
  canvas.width = Math.round(sheet.size.width * scale);
  canvas.height = Math.round(sheet.size.height * scale);
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

// The photo and the line are reached by Tab, each by itself. Keys that do nothing here are the page's.
function keyed(event) {
  const onPhoto = event.target === parts.viewer;
  const onLine = event.target === parts.slider && event.key !== "Home"; // to the left, as sliders have it
  const acted = onPhoto && (painting ? paintKey(event) : sheet.moveKey(event));
  if (acted || ((onPhoto || onLine) && sheet.zoomKey(event))) event.preventDefault();
}

function paintKey(event) {
  const side = sheet.sideOf(event);
  if (event.key === "Escape") {
    paint(null);
    return true;
  }
  if (!side && event.key !== " ") return false;
  spot ??= [...sheet.centre];
  if (side) {
    const box = parts.sheet.getBoundingClientRect();
    const far = event.shiftKey ? 40 : 8;
    spot = [spot[0] + (side[0] * far) / box.width, spot[1] + (side[1] * far) / box.height].map((value) => Math.min(Math.max(value, 0), 1 - 1e-6));
    sheet.reveal(spot);
    if (stroke) extend(spot);
  } else if (picks()) {
    startHint(spot);
    paint(null);
  } else if (stroke) endStroke();
  else startStroke(spot);
  if (spot) showSpot();
  return true;
}

function showSpot() {
  const [room, box] = [parts.viewer.getBoundingClientRect(), parts.sheet.getBoundingClientRect()];
  showBrush(box.left - room.left + spot[0] * box.width, box.top - room.top + spot[1] * box.height);
}
