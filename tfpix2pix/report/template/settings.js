// Settings and versions, folded away; with two runs, what differs stands open.

function drawSettings() {
  const section = place("settings");
  if (runs.length > 1) {
    const folders = runs.map((run) => run.folder);
    const differing = [["run folder", folders], ...rowsOf("settings"), ...rowsOf("environment")].filter(differs);
    section.append(folded("What differs", settingTable("What differs between the runs", differing), true));
  }
  const folder = [["run folder", runs.map((run) => run.folder)]];
  section.append(
    folded("All settings", settingTable("Settings", [...folder, ...rowsOf("settings")])),
    folded("Versions and devices", settingTable("Versions and devices", rowsOf("environment"))),
  );
}

function folded(title, content, open = false) {
  return element("details", { open }, element("summary", {}, title), content);
}

/** [name, [text of each run]] for all there is, sections and nested parts with dots. */
function rowsOf(part) {
  const flat = runs.map((run) => new Map(flattened(run[part])));
  const names = new Set(flat.flatMap((settings) => [...settings.keys()]));
  return [...names].map((name) => [name, flat.map((settings) => settings.get(name) ?? "")]);
}

function flattened(value, name = "") {
  if (value === null || typeof value !== "object") return [[name, value === null ? "none" : String(value)]];
  if (Array.isArray(value) && value.every((item) => item === null || typeof item !== "object")) {
    return [[name, value.join(", ")]];
  }
  return Object.entries(value).flatMap(([key, inner]) => flattened(inner, name ? `${name}.${key}` : key));
}

function differs([, texts]) {
  return new Set(texts).size > 1;
}

function settingTable(caption, rows) {
  if (!rows.length) return element("p", { class: "quiet" }, "Nothing is known.");
  const header = ["Setting", ...runs.map((run, index) => (runs.length > 1 ? [runMark(index), run.name] : "Value"))];
  const cells = rows.map(([name, texts]) => [
    name,
    ...texts.map((text) => element("td", { class: runs.length > 1 && differs([name, texts]) ? "differs" : null }, text)),
  ]);
  const made = table(caption, header, cells);
  made.classList.add("wordy");
  return made;
}
