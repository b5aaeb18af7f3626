// What is drawn over the photo: the faces that were found, the colours that a person remembers.

import { step } from "./wishes.js";

const layer = document.getElementById("faces");

export function clear() {
  layer.replaceChildren();
  layer.toggleAttribute("hidden", true);
}

// For a photo that was looked at.
export function drawOver(photo) {
  const { size, faces } = photo.diagnosis;
  const hints = photo.colouring.on ? photo.colouring.hints : [];
  const restoring = step(photo, "faces").on;
  const wide = 0.012 * Math.max(size.width, size.height);
  layer.toggleAttribute("hidden", faces.length + hints.length === 0);
  layer.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  layer.replaceChildren(
    ...hints.flatMap(({ colour, points }) => mark(points.map(([x, y]) => [x * size.width, y * size.height]), colour, wide)),
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
