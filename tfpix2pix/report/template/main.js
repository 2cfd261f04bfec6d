// Draws the page from the document.

function drawContents() {
  const sections = [["metrics", "Metrics"], ["curves", "Curves"], ["settings", "Settings"], ["images", "Images"]];
  const links = sections
    .filter(([id]) => !place(id).hidden)
    .map(([id, title]) => element("a", { href: `#${id}` }, title));
  place("contents").append(...links);
}

drawFacts();
drawWarnings();
drawMetrics();
drawCurves();
drawSettings();
drawImages();
drawContents();
