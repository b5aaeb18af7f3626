// How things are said.

const TITLES = {
  repair: "Damage",
  denoise: "Grain and noise",
  tone: "Tones and colours",
  colourise: "Colour",
  faces: "Faces",
  upscale: "Size",
};

const DOING = {
  repair: "Mending damage",
  denoise: "Taking out the grain",
  tone: "Reviving tones and colours",
  colourise: "Colouring",
  faces: "Restoring faces",
  upscale: "Enlarging",
  open: "Opening the photo",
  save: "Saving",
};

export const title = (stage) => TITLES[stage] ?? stage;

export function doing(stage) {
  if (!stage) return "At work";
  if (stage.startsWith("look at ")) return `Looking at: ${title(stage.slice(8)).toLowerCase()}`;
  return DOING[stage] ?? stage;
}

export function duration(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 50) return `about ${Math.ceil(seconds / 10) * 10} seconds`;
  if (seconds < 100) return "about a minute";
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} minutes`;
  if (seconds < 129600) return `about ${Math.round(seconds / 3600)} hours`;
  return `about ${Math.round(seconds / 86400)} days`;
}

export function waiting(job) {
  const place = job.place === 1 ? "Next in line" : `Number ${job.place.toLocaleString("en")} in line`;
  if (job.eta_s === null) return `${place}. Nobody is at work at the moment; it begins when somebody is.`;
  return `${place}, done in ${duration(job.eta_s)}.`;
}

export function share(value) {
  if (value === 0) return "none";
  if (value < 0.001) return "under 0.1 %";
  return `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
}

export const plain = (name) => name.replace(/\.[^.]+$/, "");
