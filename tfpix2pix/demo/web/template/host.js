// What the page's own scripts ask for, answered in the browser: `element`, `props`, `server`, `upload`.

const element = document.body;
const FROM_A_FILE = "Browsers do not let a page that is opened as a file read the model beside it. Put the folder on a web "
  + "server; on this computer: python -m http.server in the folder, then http://localhost:8000.";

/** Words instead of the page's, where it cannot begin. */
function stop(text) {
  const alert = element.querySelector("[role=alert]");
  alert.textContent = text;
  alert.hidden = false;
  throw new Error(text);
}

async function readFacts() {
  if (location.protocol === "file:") stop(FROM_A_FILE);
  try {
    return await (await fetched("facts.json")).json();
  } catch (error) {
    return stop(`facts.json: ${error.message}`);
  }
}

async function fetched(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} is not on the server (${response.status}): put the whole folder there`);
  return response;
}

const props = { config: await readFacts() };
const upload = async (file) => ({ path: file });
const server = {
  respond: async (request) => {
    try {
      return await answer(request);
    } catch (error) {
      return { error: error.message };
    }
  },
};

/** What becomes of a drawing, an upload or an example. */
async function answer(request) {
  const run = await network;
  const started = performance.now();
  const { pixels, name, target } = await taken(request);
  const picture = base64(fromNetwork(await run(toNetwork(pixels))));
  const seconds = (performance.now() - started) / 1000;
  const reply = { size: facts.size, seconds, pictures: [{ name: `${name}_generated.png`, shown: picture, file: picture }] };
  if (request.kind === "drawing") return reply;
  return { ...reply, source: base64(lookedAt(pixels)), target: target ?? null };
}

/** An input as the network takes it, and what it is called. */
async function taken({ kind, image, path, name, index }) {
  if (kind === "drawing") {
    const pixels = asWanted(await decoded(blobOf(image), "the drawing"), "the drawing");
    if (isBlank(pixels)) throw new Error(facts.empty);
    return { pixels, name: "drawing" };
  }
  if (kind === "upload") {
    return { pixels: asWanted(await decoded(path, name), name), name: name.replace(/\.[^.]*$/, "") };
  }
  const example = facts.examples[index];
  const [source, target] = await Promise.all([example.source, example.target].map(async (file) => file && (await fetched(file)).blob()));
  return { pixels: asWanted(await decoded(source, example.name), example.name), name: example.name, target: target && (await base64Of(target)) };
}
