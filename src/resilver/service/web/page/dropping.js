// Files that are dropped on the page, folders of them too, or pasted.

const OTHERS = [...document.getElementById("file").accept.matchAll(/\.\w+/g)].map(([suffix]) => suffix);
const sign = document.getElementById("dropping");

// take: given the files; none: told when there is no photo in what was dropped.
export function begin(take, none) {
  let depth = 0;
  const show = (shown) => (sign.hidden = !shown);
  const files = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => files(event) && show((depth += 1) > 0));
  addEventListener("dragleave", (event) => files(event) && show((depth -= 1) > 0));
  addEventListener("dragover", (event) => files(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!files(event)) return;
    event.preventDefault();
    show((depth = 0) > 0);
    const found = await dropped(event.dataTransfer);
    if (found.length) take(found);
    else none();
  });
  addEventListener("paste", (event) => event.clipboardData?.files.length && take(event.clipboardData.files));
}

// What is said of a file by name is taken as it is; of a folder only what looks like a photo.
async function dropped(data) {
  // All of them now: once the event is over, a browser has forgotten them.
  const all = [...data.items].filter(({ kind }) => kind === "file").map((item) => ({ file: item.getAsFile(), entry: item.webkitGetAsEntry() }));
  const found = [];
  for (const { file, entry } of all) {
    if (entry?.isDirectory) found.push(...(await filesIn(entry)).filter(isPhoto));
    else if (file) found.push(file);
  }
  return found;
}

// By name, those of folders in it as well; what may not be read is left out.
async function filesIn(folder) {
  const reader = folder.createReader();
  const entries = [];
  let some; // not all come at once; none come at the end
  do {
    some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    entries.push(...some);
  } while (some.length);
  entries.sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
  const found = [];
  for (const entry of entries) {
    if (entry.isDirectory) found.push(...(await filesIn(entry)));
    else found.push(await new Promise((resolve) => entry.file(resolve, () => resolve(null))));
  }
  return found.filter((file) => file !== null);
}

const isPhoto = ({ name, type }) => !name.startsWith(".") && (type.startsWith("image/") || OTHERS.some((suffix) => name.toLowerCase().endsWith(suffix)));
