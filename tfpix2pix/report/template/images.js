// Every test image, sorted and filtered. A row holds pictures only while it is near the window.

const NEAR = "1200px";
const view = { by: report.main_metric, whose: 0, worstFirst: true, filter: "", differences: false };
const articles = new Map();
let list;
let nearby;
// How high a row is: this many pixels, and so many times its pictures' height over their width.
let measured = { listWidth: 0, around: 96, slope: 300 };

function drawImages() {
  const section = place("images");
  section.hidden = !report.images.length;
  if (section.hidden) return;
  list = element("div", { class: "pairs" });
  section.append(toolbar(), list);
  nearby = new IntersectionObserver(
    (entries) => entries.forEach((entry) => (entry.isIntersecting ? fill : empty)(entry.target)),
    { rootMargin: `${NEAR} 0px` });
  report.images.forEach((image, index) => {
    const article = element("article", { class: "pair", id: idOf(image.name), "data-image": index, "aria-label": image.name });
    articles.set(index, article);
    nearby.observe(article);
  });
  new ResizeObserver(reserve).observe(list);
  arrange();
  addEventListener("hashchange", followHash);
  // Only now are all thumbnails there, where a row may have waited for its own.
  addEventListener("DOMContentLoaded", () => {
    articles.forEach((article) => article.classList.contains("waiting") && fill(article));
    followHash();
  });
}

function idOf(name) {
  return `image:${name}`;
}

function toolbar() {
  const count = element("output", { id: "count", "aria-live": "polite" });
  const by = choice("sort-by", [...report.metrics.map(({ name, label }) => [name, label]), ["", "order of the set"]], view.by);
  const whose = choice("whose", [...runs.map((run, index) => [index, run.name]), ["difference", `${runs[1]?.name} against ${runs[0].name}`]], 0);
  const order = [["worst", "Worst first", true], ["best", "Best first", false]].map(([id, text, worst]) => {
    const button = element("button", { type: "button", id: `${id}-first` }, text);
    button.addEventListener("click", () => change({ worstFirst: worst }));
    return button;
  });
  const filter = element("input", { type: "search", id: "filter", placeholder: "part of a name", autocomplete: "off", spellcheck: "false" });
  const differences = element("button", { type: "button", id: "differences", "aria-pressed": "false" }, "Differences");
  by.addEventListener("change", () => change({ by: by.value }));
  whose.addEventListener("change", () => change({ whose: whose.value === "difference" ? "difference" : Number(whose.value) }));
  filter.addEventListener("input", () => change({ filter: filter.value }));
  differences.addEventListener("click", () => {
    view.differences = !view.differences;
    differences.setAttribute("aria-pressed", String(view.differences));
    refill();
  });
  return element("div", { class: "toolbar", role: "group", "aria-label": "Sorting and filtering" },
    labelled("Sort by", by), runs.length > 1 ? labelled("of run", whose) : null,
    element("span", { class: "buttons" }, order), labelled("Filter", filter), differences, count,
    element("span", { class: "scale", id: "scale", hidden: true }, "0 ", element("span", { class: "heat" }), " half the range or more"));
}

function choice(id, options, chosen) {
  const select = element("select", { id });
  select.append(...options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
  return select;
}

function labelled(text, control) {
  return element("label", {}, element("span", {}, text), control);
}

function change(changes) {
  Object.assign(view, changes);
  arrange();
}

/** Puts the rows in order, without those that the filter leaves out. */
function arrange() {
  const wanted = view.filter.toLowerCase();
  const indices = sorted().filter((index) => report.images[index].name.toLowerCase().includes(wanted));
  list.replaceChildren(...indices.map((index) => articles.get(index)));
  place("count").textContent = `${indices.length.toLocaleString("en")} of ${articles.size.toLocaleString("en")}`;
  place("worst-first").setAttribute("aria-pressed", String(view.worstFirst));
  place("best-first").setAttribute("aria-pressed", String(!view.worstFirst));
  for (const id of ["worst-first", "best-first"]) place(id).disabled = !view.by;
  list.querySelectorAll(".figures span").forEach(markSorted);
  reserve();
}

/** Indices of the images; those without a figure come last either way. */
function sorted() {
  const indices = [...report.images.keys()];
  if (!view.by) return indices;
  const goodness = (metrics.get(view.by).higher_is_better ? 1 : -1) * (view.worstFirst ? 1 : -1);
  const figures = report.images.map((image) => figureOf(image, view.by, view.whose));
  const measured = indices.filter((index) => figures[index] !== null && !Number.isNaN(figures[index]));
  const rest = indices.filter((index) => figures[index] === null || Number.isNaN(figures[index]));
  // Subtraction has no answer for two infinite figures.
  const compare = (one, other) => (figures[one] < figures[other] ? -1 : Number(figures[one] > figures[other]));
  return [...measured.sort((one, other) => goodness * compare(one, other)), ...rest];
}

function figureOf(image, name, whose) {
  if (whose !== "difference") return number(image.figures[whose][name]);
  const [first, second] = image.figures.map((figures) => number(figures[name]));
  return first === null || second === null ? null : second - first;
}

/** Keeps empty rows as high as they are to be, so that nothing jumps. */
function reserve() {
  const drawn = list.querySelector(".pair:not(:empty)");
  if (drawn && measured.listWidth !== list.clientWidth) measure(drawn);
  for (const [index, article] of articles) {
    const { height, width } = report.images[index];
    article.style.setProperty("--height", `${Math.round(measured.around + (measured.slope * height) / width)}px`);
  }
}

/** One row that is drawn tells what the others need. */
function measure(article) {
  const { height, width } = report.images[Number(article.dataset.image)];
  const widths = new Map([...article.querySelectorAll(".frame")].map((frame) => [frame.offsetTop, frame.offsetWidth]));
  const slope = [...widths.values()].reduce((sum, across) => sum + across, 0);
  article.style.minHeight = "0";
  measured = { listWidth: list.clientWidth, slope, around: article.offsetHeight - (slope * height) / width };
  article.style.minHeight = "";
}

function fill(article) {
  if (article.childElementCount) return;
  const index = Number(article.dataset.image);
  const source = place(`pictures-${index}`);
  article.classList.toggle("waiting", !source);
  if (!source) return;
  const image = report.images[index];
  const [input, target, ...generated] = JSON.parse(source.textContent);
  const tiles = [
    tile("Input", picture(input, `Input of ${image.name}`)),
    ...generated.map((whole, run) => generatedTile(image, run, whole, target)),
    tile("Target", picture(target, `Target of ${image.name}`)),
  ];
  article.style.setProperty("--ratio", `${image.width} / ${image.height}`);
  article.append(
    element("h3", {}, element("a", { href: `#${encodeURIComponent(idOf(image.name))}` }, image.name)),
    element("div", { class: `tiles of${tiles.length}` }, tiles));
  if (measured.listWidth !== list.clientWidth) requestAnimationFrame(reserve);
}

function empty(article) {
  if (!article.contains(document.activeElement)) article.replaceChildren();
}

function refill() {
  place("scale").hidden = !view.differences;
  for (const article of list.querySelectorAll(".pair")) {
    if (!article.childElementCount) continue;
    article.replaceChildren();
    fill(article);
  }
}

function picture(source, alt) {
  return element("div", { class: "frame" }, element("img", { src: source, alt, draggable: "false" }));
}

function tile(title, frame, rest = [], kind = "tile") {
  return element("figure", { class: kind }, frame, element("figcaption", {}, element("span", { class: "what" }, title), rest));
}

function generatedTile(image, run, whole, target) {
  const { frame, button } = stage(image, run, whole, target, view.differences);
  const title = runs.length > 1 ? [runMark(run), runs[run].name] : "Generated";
  const figures = report.metrics.map((metric) => {
    const value = figureOf(image, metric.name, run);
    const text = element("span", { "data-metric": metric.name, "data-value": value }, `${metric.label} ${shown(value, metric)}`);
    markSorted(text);
    return [text, " "];
  });
  return tile(title, frame, [button, element("span", { class: "figures" }, figures)], "tile generated");
}

function markSorted(text) {
  text.classList.toggle("sorted", text.dataset.metric === view.by);
}

function followHash() {
  const article = document.getElementById(decodeHash());
  const index = Number(article?.dataset.image ?? NaN);
  const wanted = report.images.findIndex((image) => idOf(image.name) === decodeHash());
  if (wanted < 0) return;
  if (Number.isNaN(index)) {
    place("filter").value = "";
    change({ filter: "" });
  }
  const found = articles.get(wanted);
  fill(found);
  list.querySelectorAll(".linked").forEach((other) => other.classList.remove("linked"));
  found.classList.add("linked");
  found.scrollIntoView();
  // Rows above may have changed their height when they were drawn.
  requestAnimationFrame(() => requestAnimationFrame(() => found.scrollIntoView()));
}

function decodeHash() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}
