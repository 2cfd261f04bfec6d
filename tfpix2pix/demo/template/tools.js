// Tools, colours, and what the pointer and the keys do to the drawing.

const TOOLS = { pen: "Pen", eraser: "Eraser", fill: "Fill", rectangle: "Rectangle" };
const box = place("box");
const cross = place("cursor");

let tool = "pen";
// One that is seen on the paper.
let colour = facts.colours.map(([, value]) => value).find((value) => hex(value) !== hex(facts.paper)) ?? [0, 0, 0];
let size = 1;
// Where a stroke or rectangle began or goes on, and by what: "pointer" or "keys".
let held = null;
let spot = null;

function setUpTools() {
  const tools = place("tools");
  const radios = Object.entries(TOOLS).map(([name, label]) => {
    const input = made("input", { type: "radio", name: "p2p-tool", value: name, checked: name === tool });
    input.addEventListener("change", () => { letGo(); tool = name; });
    return made("label", { class: "choice" }, input, made("span", {}, label));
  });
  tools.append(made("div", { class: "choices", role: "radiogroup", "aria-label": "Tool" }, radios), sizeSlider(),
    made("div", { class: "group" }, button("Undo", () => step(-1), { "data-id": "undo" }),
      button("Redo", () => step(1), { "data-id": "redo" }), button("Clear", clear)));
  element.firstElementChild.addEventListener("keydown", shortcuts);
  setUpColours();
}

function sizeSlider() {
  const most = Math.max(8, Math.round(Math.max(...facts.size) / 6));
  size = Math.max(2, Math.round(Math.max(...facts.size) / 32));
  const shown = made("span", { class: "reading" }, `${size} px`);
  const slider = made("input", { type: "range", min: 1, max: most, value: size, "aria-label": "Brush size in pixels" });
  slider.addEventListener("input", () => {
    size = Number(slider.value);
    shown.textContent = `${size} px`;
  });
  return made("label", { class: "slider" }, "Size", slider, shown);
}

function setUpColours() {
  const colours = place("colours");
  for (const [name, value] of facts.colours) {
    const input = made("input", { type: "radio", name: "p2p-colour", checked: value === colour });
    input.addEventListener("change", () => choose(value));
    const swatch = made("span", { class: "swatch", "aria-hidden": "true", style: `background: ${hex(value)}` });
    colours.append(made("label", { class: "choice" }, input, made("span", {}, swatch, name)));
  }
  if (facts.isLabels || facts.isGray) return;
  const other = made("input", { type: "color", value: hex(colour), "aria-label": "Another colour" });
  other.addEventListener("input", () => {
    colours.querySelectorAll("input[type=radio]").forEach((radio) => { radio.checked = false; });
    choose(rgb(other.value));
  });
  colours.append(made("label", { class: "other" }, "other", other));
}

/** A colour is for drawing: whoever chooses one is done with the eraser. */
function choose(value) {
  colour = value;
  if (tool === "eraser") element.querySelector("input[value=pen]").click();
}

function step(by) {
  letGo();
  if (recall(by)) changed();
}

function clear() {
  letGo();
  blank();
  remember();
  changed();
}

function changed() {
  place("undo").disabled = current <= 0;
  place("redo").disabled = current >= remembered.length - 1;
  whenDrawn();
}

function finished() {
  held = null;
  box.hidden = true;
  remember();
  changed();
}

/** Ends what has begun: strokes stay, a rectangle is given up. */
function letGo() {
  if (!held) return;
  if (tool === "rectangle") {
    held = null;
    box.hidden = true;
  } else finished();
}

function begin(at, by) {
  if (tool === "fill") {
    fill(at, colour);
    finished();
    return;
  }
  held = { at, by };
  if (tool === "rectangle") outline(at);
  else stroke(at, at, size, inked());
}

function goOn(at) {
  if (tool === "rectangle") outline(at);
  else {
    stroke(held.at, at, size, inked());
    held.at = at;
  }
}

function end(at) {
  if (tool === "rectangle") rectangle(held.at, at, colour);
  finished();
}

function inked() {
  return tool === "eraser" ? facts.paper : colour;
}

function outline(at) {
  const { x, y, width, height } = spanned(held.at, at);
  put(box, x, y, width, height);
}

/** Lays an element over so many pixels of the drawing. */
function put(node, x, y, width, height) {
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  node.style.left = percent(x, canvas.width);
  node.style.top = percent(y, canvas.height);
  node.style.width = percent(width, canvas.width);
  node.style.height = percent(height, canvas.height);
  node.hidden = false;
}

function pixelAt(event) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return {
    x: clamp(Math.floor(((event.clientX - left) * canvas.width) / width), 0, canvas.width - 1),
    y: clamp(Math.floor(((event.clientY - top) * canvas.height) / height), 0, canvas.height - 1),
  };
}

function setUpPointer() {
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    letGo();
    cross.hidden = true;
    canvas.setPointerCapture(event.pointerId);
    begin(pixelAt(event), "pointer");
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held?.by !== "pointer") return;
    const events = event.getCoalescedEvents?.() ?? [];
    (events.length ? events : [event]).forEach((one) => goOn(pixelAt(one)));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held?.by === "pointer") end(pixelAt(event));
  });
  canvas.addEventListener("pointercancel", letGo);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function setUpKeys() {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) move(ARROWS[event.key], event.shiftKey);
    else if (event.key === " " || event.key === "Enter") act();
    else if (event.key === "Escape") letGo();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    letGo();
    cross.hidden = true;
  });
}

function move([right, down], far) {
  const by = far ? Math.max(2, Math.round(canvas.width / 16)) : 1;
  const from = spot ?? { x: canvas.width >> 1, y: canvas.height >> 1 };
  spot = { x: clamp(from.x + right * by, 0, canvas.width - 1), y: clamp(from.y + down * by, 0, canvas.height - 1) };
  put(cross, spot.x, spot.y, 1, 1);
  if (held?.by === "keys") goOn(spot);
  say(`${spot.x}, ${spot.y}`);
}

function act() {
  if (!spot) move([0, 0], false);
  if (held) {
    end(spot);
    say(tool === "rectangle" ? "rectangle drawn" : `${tool} lifted`);
  } else {
    begin(spot, "keys");
    say(tool === "fill" ? "filled" : `${tool} down at ${spot.x}, ${spot.y}`);
  }
}

function say(text) {
  place("spoken").textContent = text;
}

function shortcuts(event) {
  if (!(event.ctrlKey || event.metaKey) || event.target.type === "number") return;
  const key = event.key.toLowerCase();
  if (key === "z") step(event.shiftKey ? 1 : -1);
  else if (key === "y") step(1);
  else return;
  event.preventDefault();
}
