// What is asked of the model, one question at a time, and what is shown of its answers.

// What the answer is to: the drawing, an upload or an example; and whether it is drawn on since.
let subject = { kind: "drawing" };
let version = 0;
let asking = false;
let waiting = null;

/** Asks for the subject; of questions that come while one is answered, the last is asked then. */
async function ask(request, isNew, asked = version) {
  if (asking) {
    waiting = [request, isNew, asked];
    return;
  }
  asking = true;
  say("");
  place("pictures").setAttribute("aria-busy", "true");
  place("status").textContent = "Translating …";
  try {
    const reply = await server.respond({ ...request, ...noise() });
    if (reply?.error || !reply?.pictures) trouble(reply?.error ?? facts.words.failed);
    else await showReply(reply, isNew && asked === version, request);
  } catch (error) {
    trouble(facts.words.failed);
  }
  place("pictures").removeAttribute("aria-busy");
  asking = false;
  if (waiting) {
    const next = waiting;
    waiting = null;
    ask(...next);
  }
}

function translate() {
  ask(subject.kind === "drawing" ? { kind: "drawing", image: drawn() } : subject, false);
}

/** After a stroke: what is in the drawing now is no upload or example any more. */
function whenDrawn() {
  version += 1;
  subject = { kind: "drawing" };
  if (place("at-once").checked) translate();
}

function begun(request) {
  letGo();
  version += 1;
  subject = request;
  ask(request, true);
}

async function showReply(reply, isNew, request) {
  if (isNew && reply.source) {
    await show(uri(reply.source));
    place("undo").disabled = false;
    place("redo").disabled = true;
  }
  place("trouble").hidden = true;
  const count = reply.pictures.length;
  const each = `${(reply.seconds / count).toFixed(2)} s a picture`;
  const [height, width] = reply.size;
  place("status").textContent = `${each}${count > 1 ? `, ${count} samples` : ""}, ${width}×${height} pixels`;
  const figures = reply.pictures.map((picture, index) => figure(
    count > 1 ? `Sample ${index + 1}` : "Generated", `What the model made of the ${request.kind}${count > 1 ? `, sample ${index + 1}` : ""}`, picture));
  if (reply.target) figures.push(figure("Target", "What it should have made", { shown: reply.target }));
  place("pictures").replaceChildren(...figures);
}

function figure(caption, alt, picture) {
  const link = picture.file ? made("a", { href: uri(picture.file, picture.name), download: picture.name }, `Download ${picture.name.split(".").pop().toUpperCase()}`) : null;
  const note = picture.name && !picture.file ? made("span", { class: "quiet" }, "too large to download here: use tfpix2pix predict") : null;
  const image = made("img", { src: uri(picture.shown), alt });
  return made("figure", {}, image, made("figcaption", {}, made("span", {}, caption), link, note));
}

function uri(content, name = ".png") {
  return `data:image/${name.endsWith(".tif") ? "tiff" : "png"};base64,${content}`;
}

function trouble(text) {
  place("status").textContent = "";
  place("trouble").textContent = text;
  place("trouble").hidden = false;
}

/** How many draws of which seed, where dropout is on. */
function noise() {
  if (!facts.draws) return {};
  const whole = (id, least, most) => clamp(Math.round(Number(place(id).value)) || least, least, most);
  return { samples: whole("samples", 1, facts.mostSamples), seed: whole("seed", 0, 2 ** 31 - 1) };
}

function setUpDraws() {
  const tools = place("draws");
  const atOnce = made("input", { type: "checkbox", checked: true, "data-id": "at-once" });
  tools.append(button("Translate", translate, { class: "main" }), made("label", { class: "check" }, atOnce, "as I draw"));
  if (!facts.draws) return;
  const samples = made("input", { type: "number", min: 1, max: facts.mostSamples, value: facts.samples, "data-id": "samples" });
  const seed = made("input", { type: "number", min: 0, value: facts.seed, "data-id": "seed" });
  samples.addEventListener("change", translate);
  seed.addEventListener("change", translate);
  tools.append(made("label", { class: "number" }, "Samples", samples), made("label", { class: "number" }, "Seed", seed),
    button("Other samples", () => { seed.value = Number(seed.value) + 1; translate(); }));
}
