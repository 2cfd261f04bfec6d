// A generated picture over its target: a slider between the two, and their difference.

// Differences from here on, of 255, are drawn as the strongest.
const STRONGEST = 128;
// From none to the strongest: black, purple, orange, pale yellow.
const HEAT = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

/** The frame of what a run generated, and the button below it; pictures are data URIs. */
function stage(image, run, generated, target, differences) {
  const whose = runs.length > 1 ? `${runs[run].name} generated` : "generated";
  const over = element("img", { class: "over", src: target, alt: "", "aria-hidden": "true", draggable: "false" });
  const line = element("span", { class: "divider", "aria-hidden": "true" });
  const slider = element("input", {
    type: "range", min: "0", max: "100", step: "1", value: "100",
    "aria-label": `${image.name}: what ${whose} left of the divider, the target right of it`,
  });
  const canvas = element("canvas", { hidden: true, role: "img", "aria-label": `Difference between what ${whose} and the target of ${image.name}` });
  const under = element("img", { src: generated, alt: `What ${whose} for ${image.name}`, draggable: "false" });
  const ends = [element("span", { class: "end left", "aria-hidden": "true" }, "generated"),
    element("span", { class: "end right", "aria-hidden": "true" }, "target")];
  const frame = element("div", { class: "frame" }, under, over, canvas, ends, line, slider);
  const button = element("button", { type: "button", class: "small", "aria-pressed": "false" }, "Difference");
  const move = () => {
    const percent = Number(slider.value);
    frame.style.setProperty("--divider", `${percent}%`);
    frame.classList.toggle("divided", percent > 0 && percent < 100);
    slider.setAttribute("aria-valuetext", `${percent} % generated`);
  };
  const differ = (on) => {
    button.setAttribute("aria-pressed", String(on));
    canvas.hidden = !on;
    frame.classList.toggle("differing", on);
    slider.disabled = on;
    if (on) drawDifference(canvas, under, over);
  };
  slider.addEventListener("input", move);
  button.addEventListener("click", () => differ(button.getAttribute("aria-pressed") !== "true"));
  move();
  differ(differences);
  return { frame, button };
}

/** The mean absolute difference over red, green and blue, as heat. */
async function drawDifference(canvas, one, other) {
  await Promise.all([one.decode(), other.decode()]);
  const width = one.naturalWidth;
  const height = one.naturalHeight;
  const [first, second] = [one, other].map((picture) => pixels(picture, width, height));
  const painted = new ImageData(width, height);
  for (let at = 0; at < painted.data.length; at += 4) {
    let sum = 0;
    for (let channel = 0; channel < 3; channel += 1) sum += Math.abs(first[at + channel] - second[at + channel]);
    painted.data.set([...heat(sum / 3 / STRONGEST), 255], at);
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(painted, 0, 0);
}

function pixels(picture, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

function heat(strength) {
  const at = Math.min(1, strength) * (HEAT.length - 1);
  const index = Math.min(Math.floor(at), HEAT.length - 2);
  return HEAT[index].map((from, channel) => from + (HEAT[index + 1][channel] - from) * (at - index));
}
