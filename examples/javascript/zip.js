// Reads zips (stored or deflated members, as a bundle has them) and numpy's arrays.

/**
 * @param {Uint8Array} bytes a whole zip.
 * @returns {Promise<Map<string, Uint8Array>>} name -> content.
 */
export async function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 22; // a bundle has no comment behind its directory
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50)
    throw new Error("no bundle, or cut short");
  const members = new Map();
  let at = view.getUint32(end + 16, true);
  for (let count = view.getUint16(end + 10, true); count > 0; count--) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new Error("the bundle is damaged");
    const [method, packed] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true)];
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const header = view.getUint32(at + 42, true);
    const text = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + name));
    const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
    members.set(text, await unpacked(bytes.subarray(start, start + packed), method));
    at += 46 + name + extra + comment;
  }
  return members;
}

async function unpacked(content, method) {
  if (method === 0) return content;
  if (method !== 8) throw new Error(`the bundle is packed by an unknown method, ${method}`);
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * @param {Uint8Array} bytes an array as numpy saves it, uint8 or little-endian float32.
 * @returns {{shape: number[], data: Uint8Array | Float32Array}}
 */
export function readNpy(bytes) {
  const length = bytes[8] + 256 * bytes[9];
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + length));
  const shape = header
    .match(/'shape': \(([^)]*)\)/)[1]
    .split(",")
    .filter((part) => part.trim())
    .map(Number);
  const body = bytes.slice(10 + length); // a copy starts at a multiple of four
  return { shape, data: header.includes("<f4") ? new Float32Array(body.buffer) : body };
}
