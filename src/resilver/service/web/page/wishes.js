// What a person decided about a photo, and how the API is told.

import { wanted as wantedColours } from "./colours.js";
import { maskOf } from "./paint.js";

export function step(photo, stage) {
  const found = photo.diagnosis?.findings.find((finding) => finding.stage === stage);
  const marked = stage === "repair" && photo.strokes.some((stroke) => !stroke.erase);
  return photo.steps[stage] ?? { on: marked || (found ? found.found : true), strength: 1, untouched: true };
}

export function decide(photo, stage, values) {
  photo.steps[stage] = { ...step(photo, stage), ...values, untouched: false };
}

// As options of the API.
export async function wishes(photo) {
  const fields = {};
  const [skip, force] = [[], []];
  for (const [stage, { on, strength, untouched }] of Object.entries(photo.steps)) {
    if (untouched) continue;
    const found = photo.diagnosis?.findings.find((finding) => finding.stage === stage)?.found ?? true;
    if (!on) skip.push(stage);
    else if (!found) force.push(stage);
    if (!on || strength === 1) continue;
    if (stage === "faces") fields.fidelity = 1 - strength;
    else fields[stage] = strength;
  }
  if (photo.chosen?.size === 0 && !skip.includes("faces")) skip.push("faces");
  if (photo.chosen?.size > 0 && !skip.includes("faces")) fields.faces = [...photo.chosen].join(",");
  if (skip.length) fields.skip = skip.join(",");
  if (force.length) fields.force = force.join(",");
  if (photo.colouring.on) Object.assign(fields, wantedColours(photo.colouring, await sizeOf(photo)));
  if (photo.neutral && !skip.includes("tone")) fields.neutral = true;
  if (photo.upscale) {
    fields.upscale = photo.upscale;
    if (photo.vivid !== null) fields.vivid = photo.vivid;
  }
  if (photo.ext) fields.ext = photo.ext;
  // Without the repair a mask would have no effect, and is refused.
  return skip.includes("repair") ? fields : { ...fields, ...(await maskOf(photo)) };
}

// Of a photo that was not looked at, as far as the browser can read it.
async function sizeOf(photo) {
  if (photo.diagnosis) return photo.diagnosis.size;
  try {
    const picture = await createImageBitmap(photo.file);
    const { width, height } = picture;
    picture.close();
    return { width, height };
  } catch {
    throw new Error("Look at it first: only then it is known where your colours belong.");
  }
}
