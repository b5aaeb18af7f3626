// Many files in one, without compression: photos are compressed already.
// PKWARE APPNOTE 6.3: local headers with the files, then the central directory.

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function record(signature, fields) {
  const view = new DataView(new ArrayBuffer(4 + fields.reduce((sum, [size]) => sum + size, 0)));
  view.setUint32(0, signature, true);
  let at = 4;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return view.buffer;
}

const LARGEST = 0xffffffff; // bytes, of a plain zip file

// files: [{name, blob}]; names are made unlike each other.
export async function zip(files) {
  if (files.reduce((sum, { blob }) => sum + blob.size + 1000, 0) > LARGEST)
    throw new Error("Together they are larger than a zip file can be; download them one by one.");
  const parts = [];
  const directory = [];
  const taken = new Set();
  let at = 0;
  for (const { name, blob } of files) {
    const encoded = new TextEncoder().encode(unlike(name, taken));
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    // version 2.0, names in UTF-8, stored, 1980-01-01: when it was made is nobody's business
    const common = [[2, 20], [2, 0x0800], [2, 0], [2, 0], [2, 0x21], [4, crc], [4, blob.size], [4, blob.size], [2, encoded.length], [2, 0]];
    parts.push(record(0x04034b50, common), encoded, blob);
    directory.push(record(0x02014b50, [[2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]]), encoded);
    at += 30 + encoded.length + blob.size;
  }
  const size = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const end = record(0x06054b50, [[2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, at], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function unlike(name, taken) {
  const dot = name.lastIndexOf(".");
  const [stem, suffix] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  let chosen = name;
  for (let number = 2; taken.has(chosen); number += 1) chosen = `${stem}-${number}${suffix}`;
  taken.add(chosen);
  return chosen;
}
