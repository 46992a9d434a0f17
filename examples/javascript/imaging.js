// The imaging step of docs/bundle.md for grey pictures on even paper.

const half = (value) => {
  // Rounds half to even, as Python and OpenCV do.
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return Math.round(value);
  return down % 2 ? down + 1 : down;
};

/**
 * Any picture of one digit -> light ink on black, of one size, centred.
 *
 * @param {{data: ArrayLike<number>, width: number, height: number, channels: number}} picture
 *   0 to 255, row by row; 1 channel, or 3 in any order.
 * @param {number} size side of the network's input in pixels.
 * @param {object} rules `input.normalisation` of bundle.json.
 * @returns {Uint8Array | null} size * size grey levels, all zero without ink; null where the paper
 *   is coloured, unevenly lit or noisy: that part of the imaging step
 *   (indicdigits.imaging.paper) is left out here.
 */
export function prepare(picture, size, rules) {
  const channels = planes(picture).map((plane) => shrunk(plane, rules.work_side));
  if (channels.length === 3 && coloured(channels, rules.paper.colour)) return null;
  let grey = channels.length === 3 ? channels[1] : channels[0];
  if (greatest(grey.data) - least(grey.data) < rules.least_contrast)
    return new Uint8Array(size * size);
  const threshold = otsu(grey.data);
  let mask = { ...grey, data: grey.data.map((level) => Number(level > threshold)) };
  if (!lightIsInk(mask)) {
    grey = { ...grey, data: grey.data.map((level) => 255 - level) };
    mask = { ...mask, data: mask.data.map((ink) => 1 - ink) };
  }
  const [quarter, median, threeQuarters, top] = levels(grey.data, mask.data, rules.ink_quantile);
  if (median - quarter > rules.uneven * (top - median)) return null;
  if (threeQuarters - median > rules.shaded * (top - median)) return null;
  removeSpecks(grey, mask, median, rules.speck);
  const black = Math.min(median + 3 * (median - quarter), Math.floor((median + top) / 2));
  const ink = { ...grey, data: grey.data.map((level) => Math.max(level, black) - black) };
  const full = Math.max(top - black, 1);
  return placed(cut(ink, inkBox(ink, mask, rules.fringe * full)), full, size, rules);
}

function planes({ data, width, height, channels }) {
  return Array.from({ length: channels }, (_, channel) => ({
    width,
    height,
    data: Uint8Array.from({ length: width * height }, (_, i) => data[i * channels + channel]),
  }));
}

function shrunk(plane, side) {
  const longer = Math.max(plane.width, plane.height);
  return longer > side ? resized(plane, side / longer) : plane;
}

function coloured([red, green, blue], tolerance) {
  return green.data.some(
    (level, i) =>
      Math.abs(level - red.data[i]) > tolerance || Math.abs(level - blue.data[i]) > tolerance,
  );
}

const greatest = (data) => data.reduce((a, b) => Math.max(a, b), 0);
const least = (data) => data.reduce((a, b) => Math.min(a, b), 255);

function histogram(data) {
  const counts = new Float64Array(256);
  for (const level of data) counts[level] += 1;
  return counts;
}

/** Otsu's threshold (1979): ink and paper of the greatest variance between them. */
function otsu(data) {
  const parts = histogram(data).map((count) => count / data.length);
  const mean = parts.reduce((sum, part, level) => sum + part * level, 0);
  let [below, sum, best, threshold] = [0, 0, 0, 0];
  parts.forEach((part, level) => {
    below += part;
    sum += part * level;
    if (Math.min(below, 1 - below) < 1.2e-7) return;
    const variance = (mean * below - sum) ** 2 / (below * (1 - below));
    if (variance > best) [best, threshold] = [variance, level];
  });
  return threshold;
}

/** Whether the light pixels are ink: paper holds most of area, border and corners. */
function lightIsInk({ data, width, height }) {
  const at = (x, y) => data[y * width + x];
  const [right, bottom] = [width - 1, height - 1];
  let border = 0;
  for (let x = 0; x < width; x++) border += at(x, 0) + at(x, bottom);
  for (let y = 0; y < height; y++) border += at(0, y) + at(right, y);
  const corners = at(0, 0) + at(right, 0) + at(0, bottom) + at(right, bottom);
  const area = data.reduce((a, b) => a + b, 0) / data.length;
  return area + border / (2 * (width + height)) + corners / 4 <= 1.5;
}

/** Grey levels that 1/4, 1/2 and 3/4 of the paper and most of the ink do not exceed. */
function levels(grey, mask, inkQuantile) {
  const counts = histogram(grey);
  const area = mask.reduce((a, b) => a + b, 0);
  const paper = grey.length - area;
  return [paper / 4, paper / 2, (3 * paper) / 4, paper + inkQuantile * area].map((rank) => {
    let level = 0;
    for (let seen = counts[0]; seen < rank && level < 255; seen += counts[level]) level += 1;
    return level;
  });
}

/** Puts paper in place of parts that are small beside the largest; changes both planes. */
function removeSpecks(grey, mask, paper, share) {
  const { width, height } = mask;
  const { labels, areas } = parts(mask);
  const enough = share * Math.max(...areas);
  if (areas.every((area) => area >= enough)) return;
  const near = (i, wanted) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++)
      for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
        const label = labels[v * width + u];
        if (label && areas[label - 1] >= enough === wanted) return true;
      }
    return false;
  };
  for (let i = 0; i < labels.length; i++) {
    if (near(i, false) && !near(i, true)) grey.data[i] = paper;
    if (labels[i] && areas[labels[i] - 1] < enough) mask.data[i] = 0;
  }
}

/** Connected parts of a mask (eight neighbours): a label from 1 a pixel, an area a label. */
function parts({ data, width, height }) {
  const labels = new Int32Array(data.length);
  const areas = [];
  data.forEach((ink, start) => {
    if (!ink || labels[start]) return;
    const open = [start];
    labels[start] = areas.push(0);
    while (open.length) {
      const i = open.pop();
      areas[areas.length - 1] += 1;
      const [x, y] = [i % width, Math.floor(i / width)];
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++)
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
          const j = v * width + u;
          if (data[j] && !labels[j]) {
            labels[j] = areas.length;
            open.push(j);
          }
        }
    }
  });
  return { labels, areas };
}

/** The box of the pixels that pass a test, right and bottom excluded; null where none does. */
function boxOf({ data, width }, passes, within) {
  let box = null;
  for (let y = within.top; y < within.bottom; y++)
    for (let x = within.left; x < within.right; x++) {
      if (!passes(data[y * width + x])) continue;
      box ??= { left: x, top: y, right: x + 1, bottom: y + 1 };
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.bottom = y + 1;
    }
  return box;
}

/** The box of the ink with the strokes' soft edges. */
function inkBox(ink, mask, fringe) {
  const all = { left: 0, top: 0, right: ink.width, bottom: ink.height };
  const box = boxOf(mask, (level) => level > 0, all);
  const grow = 1 + Math.floor(Math.max(box.right - box.left, box.bottom - box.top) / 20);
  const grown = {
    left: Math.max(box.left - grow, 0),
    top: Math.max(box.top - grow, 0),
    right: Math.min(box.right + grow, ink.width),
    bottom: Math.min(box.bottom + grow, ink.height),
  };
  return boxOf(ink, (level) => level > Math.floor(fringe), grown) ?? grown;
}

function cut({ data, width }, { left, top, right, bottom }) {
  const rows = [];
  for (let y = top; y < bottom; y++)
    rows.push(...data.subarray(y * width + left, y * width + right));
  return { data: Uint8Array.from(rows), width: right - left, height: bottom - top };
}

/** Scales the box and its ink, and puts its centre of mass into the middle. */
function placed(ink, full, size, rules) {
  const wanted = half(rules.box * size);
  const longer = Math.max(ink.width, ink.height);
  if (Math.abs(longer - wanted) > rules.scale_tolerance * wanted) {
    ink = resized(ink, wanted / longer);
    if (wanted < longer) full = Math.min(full, Math.max(greatest(ink.data), 1));
  }
  const { width, height } = ink;
  const data = ink.data.map((level) => Math.min(half((level * 255) / full), 255));
  const output = new Uint8Array(size * size);
  let [mass, across, down] = [0, 0, 0];
  data.forEach((level, i) => {
    mass += level;
    across += level * (i % width);
    down += level * Math.floor(i / width);
  });
  if (!mass) return output;
  const clamp = (value, most) => Math.min(Math.max(value, 0), most);
  const left = clamp(half(size / 2 - across / mass), size - width);
  const top = clamp(half(size / 2 - down / mass), size - height);
  for (let y = 0; y < height; y++)
    output.set(data.subarray(y * width, (y + 1) * width), (top + y) * size + left);
  return output;
}

/** A plane by a factor: area averages where it becomes smaller, else linear interpolation. */
function resized(plane, factor) {
  const width = Math.max(1, half(plane.width * factor));
  const height = Math.max(1, half(plane.height * factor));
  const weigh = factor < 1 ? areas : neighbours;
  const columns = weigh(plane.width, width);
  const rows = weigh(plane.height, height);
  const data = new Uint8Array(width * height);
  rows.forEach((row, y) =>
    columns.forEach((column, x) => {
      let sum = 0;
      for (const [v, down] of row)
        for (const [u, across] of column) sum += down * across * plane.data[v * plane.width + u];
      data[y * width + x] = Math.min(half(sum), 255);
    }),
  );
  return { data, width, height };
}

/** For each of `to` cells the [index, weight] of those of `from` cells that it covers. */
function areas(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, cell) => {
    const [start, end] = [cell * scale, Math.min((cell + 1) * scale, from)];
    const found = [];
    for (let i = Math.floor(start); i < Math.min(Math.ceil(end - 1e-9), from); i++)
      found.push([i, (Math.min(i + 1, end) - Math.max(i, start)) / (end - start)]);
    return found;
  });
}

/** For each of `to` points the two nearest of `from` points, centre on centre. */
function neighbours(from, to) {
  return Array.from({ length: to }, (_, point) => {
    const place = Math.min(Math.max(((point + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(place);
    return [
      [low, 1 - (place - low)],
      [Math.min(low + 1, from - 1), place - low],
    ];
  });
}
