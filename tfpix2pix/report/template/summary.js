// What stands at the top: facts, warnings, the verdict, and the figures with their intervals.

function drawFacts() {
  const checkpoints = runs.map((run, index) => {
    const name = `${run.name}, step ${run.step.toLocaleString("en")}`;
    return runs.length > 1 ? fact([runMark(index), "Run"], name, run.folder) : fact("Run", name, run.folder);
  });
  const others = Object.entries(report.facts).map(([name, text]) => fact(name, text));
  place("facts").append(...checkpoints, ...others, fact("Images", report.images.length.toLocaleString("en")));
  const written = `Written by tfpix2pix ${report.version}, ${report.created}. `;
  const note = "Pictures are thumbnails; figures are of the images themselves.";
  place("footer").append(element("p", {}, written + note));
}

function fact(name, text, title = null) {
  return element("span", { class: "fact", title }, element("span", { class: "label" }, name), " ", text);
}

function drawWarnings() {
  place("warnings").append(
    ...report.warnings.map((text) =>
      element("p", { class: "notice" }, element("strong", {}, "Mind: "), text)),
  );
}

function drawMetrics() {
  const section = place("metrics");
  const comparison = report.comparison;
  if (comparison) {
    section.append(
      element("div", { class: "verdict" },
        element("p", {}, comparison.verdict),
        element("p", { class: "quiet" }, comparison.method)),
    );
  }
  section.append(metricTable());
  const groups = new Map();
  runs.forEach((run, index) =>
    run.figures.filter((figure) => !isReference(figure)).forEach((figure) => {
      if (!groups.has(figure.group)) groups.set(figure.group, []);
      groups.get(figure.group).push({ ...figure, run: index });
    }));
  const tables = [...groups].map(([group, figures]) => groupTable(group, figures));
  section.append(element("div", { class: "groups" }, tables));
}

/** What a metric is for other pictures than the generated ones: shown beside it. */
function isReference(figure) {
  return metrics.has(figure.name) && figure.pictures !== "generated";
}

function summaryOf(run, name) {
  return run.summaries.find((summary) => summary.metric === name);
}

function metricTable() {
  const references = columnsOf(
    runs.flatMap((run, index) => run.figures.filter(isReference).map((figure) => ({ ...figure, run: index }))));
  const comparison = report.comparison;
  const header = ["Metric", ...runs.map((run, index) => runHead(run, index)), "95 % interval"];
  if (comparison) header.push(...differenceHeads());
  header.push(...references.map((column) => column.title));
  const rows = report.metrics.map((metric) => {
    const summaries = runs.map((run) => summaryOf(run, metric.name));
    const held = references.map((column) => column.figures.get(metric.name));
    const row = [
      [metric.label, " ", arrow(metric.higher_is_better)],
      ...summaries.map((summary) => (summary ? withInterval(summary, metric) : "–")),
      whiskers(summaries, metric),
    ];
    if (comparison) row.push(...differenceCells(metric));
    row.push(...held.map((figure) => (figure ? shown(figure.value, metric) : "–")));
    return row;
  });
  const counts = new Set(runs.flatMap((run) => run.summaries.map((summary) => summary.n)));
  const over = counts.size === 1 ? `Means over ${[...counts][0].toLocaleString("en")} images` : "Means over images";
  return table(`${over}, with 95 % intervals`, header, rows);
}

function runHead(run, index) {
  return runs.length > 1 ? [runMark(index), run.name] : "Mean";
}

function withInterval(part, form) {
  const text = interval(part, form);
  return [
    element("span", { class: "figure" }, shown(part.value, form)),
    text ? element("span", { class: "interval" }, text) : null,
  ];
}

function differenceHeads() {
  return [`${runs[1].name} − ${runs[0].name}`, "p", "Verdict"];
}

function differenceOf(metric) {
  return report.comparison?.differences.find((difference) => difference.metric === metric.name);
}

/** Of a metric, or of a figure of all images. */
function differenceCells(metric) {
  const found = differenceOf(metric);
  if (!found) return ["–", "–", "–"];
  return [
    [
      element("span", { class: "figure" }, shown(found.value, metric, true)),
      element("span", { class: "interval" }, interval(found, metric)),
    ],
    probability(found.p),
    found.verdict,
  ];
}

function probability(p) {
  const figure = number(p);
  if (figure === null) return "–";
  return figure < 0.001 ? "< 0.001" : figure.toFixed(3);
}

/** The intervals as bars on one scale, without numbers: those stand beside. */
function whiskers(summaries, metric) {
  const ends = summaries.map((part) => part && [part.value, part.low, part.high].map(number));
  const finite = ends.flat().filter((value) => value !== null && Number.isFinite(value));
  if (finite.length < 3) return "";
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const at = (value) => 4 + (112 * (value - low)) / (high - low || 1);
  const height = 4 + 14 * summaries.length;
  const marks = ends.map((part, index) => {
    if (!part || !part.every((value) => value !== null && Number.isFinite(value))) return null;
    const y = 9 + 14 * index;
    return drawn("g", { class: runClass(index) },
      drawn("line", { x1: at(part[1]), x2: at(part[2]), y1: y, y2: y }),
      drawn("circle", { cx: at(part[0]), cy: y, r: 3.5 }));
  });
  const text = `${metric.label}: intervals on a scale from ${shown(low, metric)} to ${shown(high, metric)}`;
  return drawn("svg", { class: "whiskers", width: 120, height, role: "img", "aria-label": text }, marks);
}

/** Columns of a table: of each run, and what is the same for both once. */
function columnsOf(figures) {
  const columns = new Map();
  for (const figure of figures) {
    const key = JSON.stringify([figure.pictures, figure.run]);
    if (!columns.has(key)) columns.set(key, { pictures: figure.pictures, run: figure.run, figures: new Map() });
    columns.get(key).figures.set(figure.name, figure);
  }
  const kept = [];
  for (const column of columns.values()) {
    const same = kept.find((other) => other.pictures === column.pictures && other.pictures !== "generated"
      && JSON.stringify(values(other)) === JSON.stringify(values(column)));
    if (!same) kept.push(column);
  }
  const rest = (column) => Number(column.pictures !== "generated");
  kept.sort((one, other) => rest(one) - rest(other));
  return kept.map((column) => ({ ...column, title: columnTitle(column, kept) }));
}

function values(column) {
  return [...column.figures].map(([name, figure]) => [name, figure.value]);
}

function columnTitle(column, all) {
  const { pictures, run } = column;
  if (pictures === "generated") return runs.length > 1 ? [runMark(run), runs[run].name] : "Generated";
  const text = pictures[0].toUpperCase() + pictures.slice(1);
  const alone = all.filter((other) => other.pictures === pictures).length === 1;
  return alone ? text : [runMark(run), `${text}, ${runs[run].name}`];
}

function groupTable(group, figures) {
  const columns = columnsOf(figures);
  const names = [...new Map(figures.map((figure) => [figure.name, figure])).values()];
  const compared = names.some(differenceOf);
  const rows = names.map((form) => [
    [form.label, " ", arrow(form.higher_is_better)],
    ...columns.map((column) => {
      const figure = column.figures.get(form.name);
      return figure ? [withInterval(figure, figure), standardError(figure)] : "–";
    }),
    ...(compared ? differenceCells(form) : []),
  ]);
  const notes = [...new Set(figures.map((figure) => figure.note).filter(Boolean))];
  return element("div", { class: "group" },
    table(group, ["Figure", ...columns.map((column) => column.title), ...(compared ? differenceHeads() : [])], rows),
    notes.map((note) => element("p", { class: "quiet" }, note)));
}

function standardError(figure) {
  if (number(figure.error) === null) return null;
  return element("span", { class: "interval", title: "standard error" }, `± ${shown(figure.error, bare(figure))}`);
}
