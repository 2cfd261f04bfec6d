// Elements and small helpers. Text gets into the page as text alone, never as markup.

const facts = props.config;

/** The element of the page's own that is called so. */
function place(id) {
  return element.querySelector(`[data-id="${id}"]`);
}

/** A new element with attributes and children; null children are left out. */
function made(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null));
  return node;
}

function button(label, act, attributes = {}) {
  const node = made("button", { type: "button", ...attributes }, label);
  node.addEventListener("click", act);
  return node;
}

function hex(colour) {
  return `#${colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

function rgb(text) {
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

function clamp(value, least, most) {
  return Math.min(most, Math.max(least, value));
}
