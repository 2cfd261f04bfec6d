// From files to the network's values and back, as `predict` does it. Pictures are ImageData: RGBA of 8 bits.

const { input: source, target: wanted, interpolation, resizes } = props.config.model;
// MATLAB's and TensorFlow's luma, as in training.
const LUMA = [0.2989, 0.587, 0.114].map((weight) => weight / 0.9999);

function blobOf(base64) {
  return new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], { type: "image/png" });
}

async function base64Of(blob) {
  return btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(""));
}

function surface(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return [canvas, canvas.getContext("2d", { willReadFrequently: true })];
}

function base64(picture) {
  const [canvas, context] = surface(picture.width, picture.height);
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}

/** A file's pixels, untouched by colour profiles; what is transparent shows white. */
async function decoded(blob, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch (error) {
    throw new Error(`${name}: not an image that this browser opens, or damaged: expected PNG, JPEG, WebP or BMP`);
  }
  const { width, height } = bitmap;
  if (width * height > facts.mostPixels) {
    throw new Error(`${name}: the picture has ${width}×${height} pixels: expected at most ${facts.mostPixels / 1e6} megapixels; make it smaller`);
  }
  const [, context] = surface(width, height);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const picture = context.getImageData(0, 0, width, height);
  // Filled with white: where it is not, the browser has no canvas of that size.
  if (picture.data[3] !== 255) throw new Error(`${name}: the picture has ${width}×${height} pixels, more than this browser can draw: make it smaller`);
  return picture;
}

/** A picture in the network's channels and size. */
function asWanted(picture, name) {
  const [height, width] = facts.size;
  if (facts.isGray) toGray(picture.data);
  if (picture.width === width && picture.height === height) return picture;
  if (!resizes) {
    throw new Error(`${name}: the picture has ${picture.width}×${picture.height} pixels, and this network, which was trained on crops, takes ${width}×${height} alone: cut it`);
  }
  const across = along(picture.data, picture.height, 4, weights(picture.width, width));
  const values = along(across, 1, 4 * width, weights(picture.height, height));
  // Which rounds to the nearest, and halves to even, as Python does.
  return new ImageData(new Uint8ClampedArray(values), width, height);
}

function toGray(data) {
  for (let at = 0; at < data.length; at += 4) {
    const red = data[at];
    const green = data[at + 1];
    const blue = data[at + 2];
    // Gray stays as it is, whatever rounding would make of it.
    if (red !== green || green !== blue) data.fill(Math.round(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue), at, at + 3);
  }
}

/** Values [outer, old, inner] weighted together along the middle axis: [outer, new, inner]. */
function along(values, outer, inner, taps) {
  const old = values.length / outer / inner;
  const made = new Float32Array(outer * taps.length * inner);
  for (let line = 0; line < outer; line += 1) {
    taps.forEach(({ first, shares }, place) => {
      const to = (line * taps.length + place) * inner;
      const from = (line * old + first) * inner;
      for (let at = 0; at < inner; at += 1) {
        let sum = 0;
        for (let tap = 0; tap < shares.length; tap += 1) sum += shares[tap] * values[from + tap * inner + at];
        made[to + at] = sum;
      }
    });
  }
  return made;
}

/** Which of the old pixels each new one is made of, and with what shares. */
function weights(old, length) {
  const scale = old / length;
  return Array.from({ length }, (_, place) => {
    // In float32, as TensorFlow: elsewhere another pixel would be the nearest.
    if (interpolation === "nearest") return { first: Math.min(old - 1, Math.floor(Math.fround(Math.fround(place + 0.5) * Math.fround(scale)))), shares: [1] };
    if (interpolation === "area") return covered(place * scale, (place + 1) * scale, old);
    return cubic((place + 0.5) * scale, Math.max(1, scale), old);
  });
}

function covered(from, to, old) {
  const first = Math.min(old - 1, Math.floor(from));
  const last = Math.min(old, Math.ceil(to));
  const shares = Array.from({ length: last - first }, (_, tap) => Math.min(to, first + tap + 1) - Math.max(from, first + tap));
  return { first, shares: shares.map((share) => share / (to - from)) };
}

/** Keys' kernel with a = -1/2, made wider where the picture shrinks, as Pillow does. */
function cubic(centre, width, old) {
  const first = Math.max(0, Math.floor(centre - 2 * width + 0.5));
  const last = Math.min(old, Math.floor(centre + 2 * width + 0.5));
  const kernel = (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0);
  const shares = Array.from({ length: last - first }, (_, tap) => kernel(Math.abs(first + tap + 0.5 - centre) / width));
  const sum = shares.reduce((one, other) => one + other, 0);
  return { first, shares: shares.map((share) => share / sum) };
}

function isBlank({ data }) {
  return data.every((value, at) => at % 4 === 3 || value === facts.paper[at % 4]);
}

/** The number of the class whose colour is nearest. */
function classOf(palette, data, at) {
  let [best, nearest] = [0, Infinity];
  palette.forEach((colour, number) => {
    const distance = colour.reduce((sum, value, channel) => sum + (data[at + channel] - value) ** 2, 0);
    if (distance < nearest) [best, nearest] = [number, distance];
  });
  return best;
}

/** Where a channel of the networks stands in a pixel. */
function placeOf(format, channel) {
  return format.reversedChannels ? 2 - channel : channel;
}

function toNetwork({ data }) {
  const count = source.networkChannels;
  const values = new Float32Array((data.length / 4) * count);
  for (let pixel = 0; pixel < data.length / 4; pixel += 1) {
    if (source.palette) values[pixel * count + classOf(source.palette, data, 4 * pixel)] = 1;
    else for (let channel = 0; channel < count; channel += 1) values[pixel * count + channel] = data[4 * pixel + placeOf(source, channel)] / 127.5 - 1;
  }
  return values;
}

function fromNetwork(values) {
  const [height, width] = facts.size;
  const picture = new ImageData(width, height);
  const count = wanted.networkChannels;
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    const found = values.subarray(pixel * count, (pixel + 1) * count);
    if (wanted.palette) picture.data.set(wanted.palette[found.indexOf(Math.max(...found))], 4 * pixel);
    else for (let channel = 0; channel < 3; channel += 1) {
      // A gray answer has one channel for all three; ImageData rounds and clips.
      picture.data[4 * pixel + channel] = (found[count === 1 ? 0 : placeOf(wanted, channel)] + 1) * 127.5;
    }
    picture.data[4 * pixel + 3] = 255;
  }
  return picture;
}

/** The input to look at: label maps in the colours of their classes. */
function lookedAt(picture) {
  if (!source.palette) return picture;
  const seen = new ImageData(picture.width, picture.height);
  for (let at = 0; at < picture.data.length; at += 4) seen.data.set([...source.palette[classOf(source.palette, picture.data, at)], 255], at);
  return seen;
}
