// Damage painted by hand: strokes over the photo, and the mask that they make.
//
// A stroke is kept as its points in the photo's own pixels, so that it can be undone, drawn at any
// size, and sent at the photo's full size.

const MOST_PX = 64e6; // a browser's canvas is no larger on many machines

export const tooLarge = (size) => size.width * size.height > MOST_PX;

// strokes: [{erase, radius, points: [[x, y], ...]}]; scale: from the photo's pixels to the canvas's.
export function draw(context, strokes, scale, colours) {
  context.lineCap = context.lineJoin = "round";
  for (const { erase, radius, points } of strokes) {
    context.strokeStyle = context.fillStyle = erase ? colours.erase : colours.add;
    context.lineWidth = 2 * radius * scale;
    context.beginPath();
    if (points.length === 1) {
      context.arc(points[0][0] * scale, points[0][1] * scale, radius * scale, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    points.forEach(([x, y], index) => (index ? context.lineTo(x * scale, y * scale) : context.moveTo(x * scale, y * scale)));
    context.stroke();
  }
}

// The mask of a photo as fields of the API: what was added, what was taken away, or, if both, what
// was found with both of it.
export async function maskOf(photo) {
  if (photo.strokes.length === 0) return {};
  const { width, height } = photo.diagnosis.size;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  const erases = photo.strokes.some((stroke) => stroke.erase);
  const adds = photo.strokes.some((stroke) => !stroke.erase);
  if (erases && adds) {
    const found = await createImageBitmap(await (await fetch(photo.pictures.damage)).blob());
    context.drawImage(found, 0, 0);
    found.close();
    draw(context, photo.strokes, 1, { add: "#fff", erase: "#000" });
    return { mask: await canvas.convertToBlob({ type: "image/png" }), mask_mode: "replace" };
  }
  draw(context, photo.strokes, 1, { add: "#fff", erase: "#fff" });
  return { mask: await canvas.convertToBlob({ type: "image/png" }), mask_mode: adds ? "add" : "subtract" };
}

// What was found, tinted: white becomes the colour, black becomes nothing. wanted: whether it still is
// when it has been read; another photo may be seen by then.
export async function tint(canvas, url, size, [red, green, blue], wanted) {
  const scale = Math.min(1, 2000 / Math.max(size.width, size.height));
  canvas.width = Math.max(1, Math.round(size.width * scale));
  canvas.height = Math.max(1, Math.round(size.height * scale));
  const found = await createImageBitmap(await (await fetch(url)).blob());
  if (!wanted()) return found.close();
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(found, 0, 0, canvas.width, canvas.height);
  found.close();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const data = pixels.data;
  for (let at = 0; at < data.length; at += 4) {
    const seen = Math.min(255, 3 * data[at]); // a hair must not vanish when it is drawn small
    data[at] = red;
    data[at + 1] = green;
    data[at + 2] = blue;
    data[at + 3] = seen;
  }
  return context.putImageData(pixels, 0, 0);
}
