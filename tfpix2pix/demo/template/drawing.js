// The drawing: whole pixels of whole colours, so that a label map holds its classes and no others.

const canvas = place("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });
// What fits into so many bytes can be undone.
const MOST_REMEMBERED = 64 * 2 ** 20;
// How far colours may be from the one that is filled, where a photo's noise is.
const ALIKE = facts.isLabels ? 0 : 24;

let remembered = [];
let current = -1;

function blank() {
  [canvas.height, canvas.width] = facts.size;
  context.fillStyle = hex(facts.paper);
  context.fillRect(0, 0, canvas.width, canvas.height);
}

/** Keeps the drawing as it is now, after a stroke. */
function remember() {
  remembered = remembered.slice(0, current + 1);
  remembered.push(context.getImageData(0, 0, canvas.width, canvas.height));
  let bytes = remembered.reduce((sum, image) => sum + image.data.length, 0);
  while (bytes > MOST_REMEMBERED && remembered.length > 2) bytes -= remembered.shift().data.length;
  current = remembered.length - 1;
}

/** One step back or forth; false where there is none. */
function recall(step) {
  const image = remembered[current + step];
  if (!image) return false;
  current += step;
  canvas.width = image.width;
  canvas.height = image.height;
  context.putImageData(image, 0, 0);
  return true;
}

/** A picture (data URI) instead of what was drawn, at its own size. */
async function show(uri) {
  const picture = new Image();
  picture.src = uri;
  await picture.decode();
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  context.drawImage(picture, 0, 0);
  remember();
}

/** A disc of so many pixels across; rectangles of whole pixels have no smoothed edges. */
function dab(x, y, size) {
  const radius = size / 2;
  for (let row = 0; row < size; row += 1) {
    const off = row + 0.5 - radius;
    const half = Math.round(Math.sqrt(Math.max(0, radius * radius - off * off)) * 2) / 2;
    const left = Math.round(x + 0.5 - half);
    const width = Math.max(1, Math.round(2 * half));
    context.fillRect(left, Math.floor(y + 0.5 - radius) + row, width, 1);
  }
}

function stroke(from, to, size, colour) {
  context.fillStyle = hex(colour);
  const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1);
  for (let step = 0; step <= steps; step += 1) {
    const share = step / steps;
    dab(Math.round(from.x + (to.x - from.x) * share), Math.round(from.y + (to.y - from.y) * share), size);
  }
}

function rectangle(one, other, colour) {
  context.fillStyle = hex(colour);
  const { x, y, width, height } = spanned(one, other);
  context.fillRect(x, y, width, height);
}

/** Both corners' pixels belong to it. */
function spanned(one, other) {
  return {
    x: Math.min(one.x, other.x),
    y: Math.min(one.y, other.y),
    width: Math.abs(one.x - other.x) + 1,
    height: Math.abs(one.y - other.y) + 1,
  };
}

/** Fills what hangs together with a pixel, side by side, and is of its colour. */
function fill(at, colour) {
  const { width, height } = canvas;
  const image = context.getImageData(0, 0, width, height);
  const { data } = image;
  const first = 4 * (at.y * width + at.x);
  const seed = data.slice(first, first + 3);
  const done = new Uint8Array(width * height);
  const alike = (pixel) => [0, 1, 2].every((channel) => Math.abs(data[4 * pixel + channel] - seed[channel]) <= ALIKE);
  const waiting = [at.y * width + at.x];
  while (waiting.length) {
    const pixel = waiting.pop();
    if (done[pixel] || !alike(pixel)) continue;
    done[pixel] = 1;
    const x = pixel % width;
    if (x > 0) waiting.push(pixel - 1);
    if (x < width - 1) waiting.push(pixel + 1);
    if (pixel >= width) waiting.push(pixel - width);
    if (pixel < width * (height - 1)) waiting.push(pixel + width);
  }
  done.forEach((is, pixel) => is && data.set([...colour, 255], 4 * pixel));
  context.putImageData(image, 0, 0);
}

/** The drawing as a PNG in base64. */
function drawn() {
  return canvas.toDataURL("image/png").split(",")[1];
}
