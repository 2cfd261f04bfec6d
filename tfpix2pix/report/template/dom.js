// Elements, texts and numbers. Text gets into the page as text alone, never as markup.

const report = JSON.parse(document.getElementById("document").textContent);
const runs = report.runs;
const metrics = new Map(report.metrics.map((metric) => [metric.name, metric]));

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; null children are left out. */
function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same of SVG. */
function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null));
  return node;
}

function place(id) {
  return document.getElementById(id);
}

/** A figure as JSON has it: a number, the text of an infinite one, or null. */
function number(value) {
  return value === null || value === undefined ? null : Number(value);
}

/** For people: "0.612", "19.20 dB", "∞", or a dash where nothing was measured. */
function shown(value, { digits = 3, unit = "" } = {}, sign = false) {
  const figure = number(value);
  if (figure === null || Number.isNaN(figure)) return "–";
  const size = Number.isFinite(figure) ? Math.abs(figure).toFixed(digits) : "∞";
  // A difference that rounds to nothing has no sign.
  const minus = figure < 0 && Number(size) !== 0;
  return (minus ? "−" : sign && Number(size) !== 0 ? "+" : "") + size + (unit ? ` ${unit}` : "");
}

function interval(part, form) {
  const low = number(part.low);
  const high = number(part.high);
  return low === null || high === null ? "" : `${shown(low, bare(form))} to ${shown(high, bare(form))}`;
}

function bare(form) {
  return { digits: form.digits };
}

function arrow(better) {
  if (better === null) return null;
  const words = better ? "higher is better" : "lower is better";
  return element("span", { class: "arrow", title: words, role: "img", "aria-label": words }, better ? "↑" : "↓");
}

/** "a" or "b": the colour of a run. */
function runClass(index) {
  return "ab"[index];
}

function runMark(index) {
  return element("span", { class: `mark ${runClass(index)}`, "aria-hidden": "true" });
}

/** A table that scrolls by itself where the window is narrower. */
function table(caption, header, rows) {
  const head = element("tr", {}, header.map((cell) => element("th", { scope: "col" }, cell)));
  const body = rows.map((row) => {
    const [first, ...rest] = row;
    const cells = rest.map((cell) => (cell instanceof HTMLTableCellElement ? cell : element("td", {}, cell)));
    return element("tr", {}, element("th", { scope: "row" }, first), cells);
  });
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, body)),
  );
}
