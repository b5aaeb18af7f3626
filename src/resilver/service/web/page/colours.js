// Colours for a black and white photo: whether, which likely ones, and what a person remembers.

import { element } from "./panel.js";
import * as viewer from "./viewer.js";

const CHOICES = 6; // seeds that are offered; the API takes any
const MOST_POINTS = 1000; // that the API takes

// hints: [{colour, points: [[x, y], ...]}], in parts of the photo, so that they fit any other as well.
export const fresh = () => ({ on: false, seed: 0, hints: [], brush: "#8a5a3c" });

export const copyOf = ({ on, seed, hints, brush }) => ({ on, seed, brush, hints: structuredClone(hints) });

// As fields of the API, for a photo of this size.
export function wanted({ on, seed, hints }, { width, height }) {
  if (!on) return {};
  const fields = { colourise: true, colour_seed: seed };
  const all = hints.flatMap(({ colour, points }) => points.map(([x, y]) => `${Math.floor(x * width)},${Math.floor(y * height)},${colour}`));
  const each = Math.ceil(all.length / MOST_POINTS);
  if (all.length) fields.hints = all.filter((_, index) => index % each === 0).join(" ");
  return fields;
}

// The part of the panel.
export function colours(photo, acts) {
  const { colouring } = photo;
  const box = element("input", { type: "checkbox", id: "step-colourise", checked: colouring.on });
  box.addEventListener("change", () => {
    colouring.on = box.checked;
    if (!colouring.on) viewer.pick(false);
    acts.changed();
  });
  const made = element(
    "section",
    { className: colouring.on ? "step on" : "step" },
    element("label", { htmlFor: "step-colourise" }, box, element("b", {}, "Colours")),
    element("p", { className: "soft" }, "For black and white photos. Every colour is a guess, but for those you give."),
  );
  if (colouring.on) made.append(seeds(colouring, acts), hints(photo, acts));
  return made;
}

function seeds(colouring, acts) {
  const made = element("select", { id: "colour-seed" });
  for (let seed = 0; seed < CHOICES; seed += 1) made.append(element("option", { value: seed, selected: seed === colouring.seed }, seed ? `another choice, ${seed}` : "the likeliest"));
  made.addEventListener("change", () => {
    colouring.seed = Number(made.value);
    acts.changed();
  });
  return element("label", { className: "strength" }, element("span", {}, "Which"), made);
}

function hints(photo, acts) {
  const { colouring } = photo;
  const colour = element("input", { type: "color", id: "hint-colour", value: colouring.brush });
  colour.setAttribute("aria-label", "A colour you remember");
  colour.addEventListener("input", () => (colouring.brush = colour.value));
  const picking = viewer.picks();
  const put = element("button", { type: "button", id: "hint-put", onclick: () => viewer.pick(!viewer.picks()) }, picking ? "Click or paint on the photo" : "I remember a colour");
  put.setAttribute("aria-pressed", String(picking));
  const rows = colouring.hints.map((hint, index) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = hint.colour;
    const away = element("button", { type: "button", id: `hint-away-${index}`, className: "quiet", onclick: () => { colouring.hints.splice(index, 1); acts.changed(); } }, "Remove");
    away.setAttribute("aria-label", `Remove colour ${index + 1}`);
    return element("li", {}, swatch, element("span", {}, `Colour ${index + 1}`), away);
  });
  const made = element("div", { className: "hints" }, element("div", { className: "group" }, colour, put), element("ul", { className: "hint-list" }, ...rows));
  if (colouring.hints.length && acts.hasOthers()) made.append(element("button", { type: "button", className: "quiet", id: "hints-for-all", onclick: acts.colourAll }, "The same colours for all photos"));
  return made;
}
