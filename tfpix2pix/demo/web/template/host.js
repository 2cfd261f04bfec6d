// What the page's own scripts ask for, answered in the browser: `element`, `props`, `server`, `upload`.

const element = document.body;
const FROM_A_FILE = "Browsers do not let a page that is opened as a file read the model beside it. Put the folder on a web "
  + "server; on this computer: python -m http.server in the folder, then http://localhost:8000.";
// Of this export: a browser that has kept files of an earlier one fetches anew.
const VERSION = new URL(document.currentScript.src).search;

/** Words instead of the page's, where it cannot begin. */
function stop(text) {
  const alert = element.querySelector("[role=alert]");
  alert.textContent = text;
  alert.hidden = false;
  throw new Error(text);
}

function reasonOf(error) {
  return String(error?.message || error);
}

async function fetched(path) {
  let response;
  try {
    response = await fetch(path + VERSION);
  } catch (error) {
    throw new Error(`${path} did not arrive: check the network, and reload the page`);
  }
  if (!response.ok) throw new Error(`${path} is not on the server (${response.status}): put the whole folder there`);
  return response;
}

async function readFacts() {
  if (location.protocol === "file:") stop(FROM_A_FILE);
  try {
    return await (await fetched("facts.json")).json();
  } catch (error) {
    return stop(error instanceof SyntaxError ? "facts.json is damaged: put the whole folder on the server again" : reasonOf(error));
  }
}

const props = { config: await readFacts() };
const upload = async (file) => ({ path: file });
const server = {
  respond: async (request) => {
    try {
      return await answer(request);
    } catch (error) {
      return { error: reasonOf(error) };
    }
  },
};
// Fetched now, so that the page needs no network later.
const examples = props.config.examples.map(async ({ source, target }) => {
  const files = await Promise.all([source, target].map(async (path) => path && (await fetched(path)).blob()));
  return { source: files[0], target: files[1] && (await base64Of(files[1])) };
});
examples.forEach((example) => example.catch(() => {})); // told when it is taken

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
  const [example, called] = [await examples[index], facts.examples[index].name];
  return { pixels: asWanted(await decoded(example.source, called), called), name: called, target: example.target };
}
