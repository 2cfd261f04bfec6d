// Losses and metrics over the steps, as SVG; the values at a step show under the pointer.

const PANEL_HEIGHT = 230;
const EDGES = { top: 12, right: 24, bottom: 34, left: 58 };
// More points than these are not told apart: of the rest, each stretch keeps its extremes.
const MOST_POINTS = 1200;

function drawCurves() {
  const panels = panelsOf().map(({ title, names }) => ({ title, lines: linesOf(names) }));
  const drawable = panels.filter((panel) => panel.lines.length);
  place("curves").hidden = !drawable.length;
  const grid = element("div", { class: "panels" }, drawable.map(panelFigure));
  place("curves").append(grid);
}

/** The document's panels, and one for each curve that stands in none. */
function panelsOf() {
  const named = new Set(report.panels.flatMap((panel) => panel.names));
  const others = new Set(runs.flatMap((run) => Object.keys(run.curves)).filter((name) => !named.has(name)));
  return [...report.panels, ...[...others].map((name) => ({ title: name, names: [name] }))];
}

/** With one run a colour for each name; with two a colour for each run, names by dashes. */
function linesOf(names) {
  const lines = [];
  names.forEach((name, order) =>
    runs.forEach((run, index) => {
      const points = (run.curves[name] ?? []).map((point) => point.map(Number));
      if (!points.length) return;
      const kind = runs.length > 1 ? `${runClass(index)} dash${order % 4}` : `colour${order % 4}`;
      lines.push({ label: runs.length > 1 ? `${name}, ${run.name}` : name, kind, points: thinned(points) });
    }));
  return lines;
}

function thinned(points) {
  if (points.length <= MOST_POINTS) return points;
  const stretch = Math.ceil((2 * points.length) / MOST_POINTS);
  const kept = [];
  for (let first = 0; first < points.length; first += stretch) {
    const part = points.slice(first, first + stretch).sort((one, other) => one[1] - other[1]);
    const ends = part.length > 1 ? [part[0], part[part.length - 1]] : part;
    kept.push(...ends.sort((one, other) => one[0] - other[0]));
  }
  return kept;
}

function panelFigure({ title, lines }) {
  const canvas = element("div", { class: "panel" });
  const reading = element("p", { class: "reading quiet" });
  const legend = element("ul", { class: "legend" }, lines.map(({ label, kind }) => element("li", {},
    drawn("svg", { class: kind, width: 24, height: 8, "aria-hidden": "true" },
      drawn("line", { x1: 0, x2: 24, y1: 4, y2: 4 })), " ", label)));
  const draw = () => {
    if (canvas.clientWidth) canvas.replaceChildren(chart(title, lines, canvas.clientWidth, reading));
  };
  new ResizeObserver(draw).observe(canvas);
  return element("figure", { class: "curve" }, element("figcaption", {}, title), canvas, legend, reading);
}

function chart(title, lines, width, reading) {
  const all = lines.flatMap((line) => line.points).filter((point) => point.every(Number.isFinite));
  const x = scale(all.map((point) => point[0]), EDGES.left, width - EDGES.right);
  const y = scale(all.map((point) => point[1]), PANEL_HEIGHT - EDGES.bottom, EDGES.top);
  const last = lines.map(({ label, points }) => `${label} ends at ${significant(points[points.length - 1][1])}`);
  const label = `${title} over the steps: ${last.join("; ")}`;
  const svg = drawn("svg", { width, height: PANEL_HEIGHT, role: "img", "aria-label": label });
  svg.append(...axes(x, y, width));
  for (const { kind, points } of lines) {
    svg.append(drawn("path", { class: `line ${kind}`, d: pathOf(points, x, y) }));
    if (points.length < 40) {
      const dots = points.filter((point) => point.every(Number.isFinite));
      svg.append(...dots.map((point) => drawn("circle", { class: kind, cx: x.at(point[0]), cy: y.at(point[1]), r: 2 })));
    }
  }
  readUnderPointer(svg, lines, x, reading);
  return svg;
}

/** From values to pixels, over round ends. */
function scale(values, from, to) {
  let low = values.length ? values.reduce((one, other) => Math.min(one, other)) : 0;
  let high = values.length ? values.reduce((one, other) => Math.max(one, other)) : 1;
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const steps = Math.max(2, Math.floor(Math.abs(to - from) / 60));
  const step = roundStep((high - low) / steps);
  const first = Math.floor(low / step + 1e-9);
  const end = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: end - first + 1 }, (_, index) => (first + index) * step);
  const at = (value) => from + ((to - from) * (value - first * step)) / ((end - first) * step);
  return { ticks, step, at, from, to };
}

function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
}

function axes(x, y, width) {
  const bottom = PANEL_HEIGHT - EDGES.bottom;
  const across = y.ticks.flatMap((tick) => [
    drawn("line", { class: "rule", x1: EDGES.left, x2: width - EDGES.right, y1: y.at(tick), y2: y.at(tick) }),
    drawn("text", { x: EDGES.left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, tickText(tick, y.step)),
  ]);
  const along = x.ticks.map((tick) =>
    drawn("text", { x: x.at(tick), y: bottom + 17, "text-anchor": "middle" }, stepText(tick)));
  const name = drawn("text", { x: (EDGES.left + width - EDGES.right) / 2, y: bottom + 31, "text-anchor": "middle" }, "step");
  return [...across, ...along, name];
}

function tickText(tick, step) {
  if (tick !== 0 && (Math.abs(tick) >= 1e5 || step < 1e-4)) return tick.toExponential(1);
  return tick.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))).replace("-", "−");
}

function stepText(step) {
  if (Math.abs(step) < 10000) return String(Number(step.toFixed(6)));
  return step < 1e6 ? `${Number((step / 1e3).toFixed(2))}k` : `${Number((step / 1e6).toFixed(2))}M`;
}

function significant(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : shown(value);
}

/** A line that is broken where a value is not finite. */
function pathOf(points, x, y) {
  let pen = "M";
  const parts = [];
  for (const point of points) {
    if (!point.every(Number.isFinite)) {
      pen = "M";
      continue;
    }
    parts.push(`${pen}${x.at(point[0]).toFixed(1)} ${y.at(point[1]).toFixed(1)}`);
    pen = "L";
  }
  return parts.join("");
}

function readUnderPointer(svg, lines, x, reading) {
  const cursor = drawn("line", { class: "cursor", y1: EDGES.top, y2: PANEL_HEIGHT - EDGES.bottom, visibility: "hidden" });
  svg.append(cursor);
  svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    const nearest = lines.map(({ points }) =>
      points.reduce((one, other) => (Math.abs(x.at(other[0]) - at) < Math.abs(x.at(one[0]) - at) ? other : one)));
    const place = Math.min(Math.max(at, EDGES.left), x.to);
    cursor.setAttribute("x1", place);
    cursor.setAttribute("x2", place);
    cursor.setAttribute("visibility", "visible");
    const texts = nearest.map((point, index) => `${lines[index].label} ${significant(point[1])}`);
    reading.textContent = `step ${nearest[0][0].toLocaleString("en")}: ${texts.join(" · ")}`;
  });
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    reading.textContent = "";
  });
}
