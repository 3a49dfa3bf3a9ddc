// The only way by which anything gets into a page: elements are made one by one, what comes from the server is only ever text, and
// there is nowhere to put markup.

const svgNames = "http://www.w3.org/2000/svg";
const svgTags = new Set(["svg", "use", "path", "rect", "line", "text"]);
const handlers = Symbol("handlers");

/**
 * Makes an element.
 *
 * `on` has its handlers by event; a `key` tells it from its siblings when a list is updated; an attribute that is null, undefined or
 * false is left out. A link stays within these pages.
 */
export function h(tag, attributes = {}, ...children) {
  const node = svgTags.has(tag) ? document.createElementNS(svgNames, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") listen(node, value);
    else if (name === "key") node.setAttribute("data-key", value);
    else if (name.startsWith("on") || name === "style" || name === "src" || name === "srcdoc") throw new Error(`attribute ${name}`);
    else if (name === "href" && !/^(\/(?!\/)|#)/.test(value)) throw new Error("a link to somewhere else");
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...nodes(children));
  return node;
}

/** A link to somewhere else, of whoever set up the server: `template` has a `{place}`. Nothing where there is none, or it leads nowhere. */
export function outside(template, place, value, ...children) {
  if (!template) return null;
  const address = new URL(template.replaceAll(`{${place}}`, encodeURIComponent(value)));
  if (address.protocol !== "https:" && address.protocol !== "http:") return null;
  const node = h("a", { rel: "noopener noreferrer", "data-plain": true }, ...children);
  node.setAttribute("href", address.href);
  return node;
}

function listen(node, wanted) {
  node[handlers] = wanted;
  for (const name of Object.keys(wanted)) node.addEventListener(name, (event) => node[handlers][name]?.(event));
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/** A sign of the sprite in the shell. */
export const icon = (name, kind = "") => h("svg", { class: `i ${kind}`.trim(), "aria-hidden": "true" }, h("use", { href: `#${name}` }));

/** A text of somebody else's, which may turn the direction of writing: it does so only within itself. */
export function foreign(text, attributes) {
  const [open, close] = balance(String(text ?? ""));
  return h("bdi", { ...attributes, "data-open": open || null, "data-close": close || null }, text);
}

/**
 * The signs that a text lacks before and behind it so that each change of direction in it has a beginning and an end. Browsers put such
 * signs around an element that is to be apart, and take those of the text for theirs.
 */
export function balance(text) {
  let before = "";
  const open = [];
  for (const sign of text.match(/[\u202a-\u202e\u2066-\u2069]/g) ?? []) {
    if (sign === "\u2069") {
      // Ends what was begun within, too.
      const start = open.lastIndexOf("\u2069");
      if (start < 0) before += "\u2068";
      open.length = Math.max(0, start);
    } else if (sign === "\u202c") {
      if (open.at(-1) === sign) open.pop();
    } else {
      open.push(sign >= "\u2066" ? "\u2069" : "\u202c");
    }
  }
  return [before, open.reverse().join("")];
}

/**
 * Makes the children of an element what they should be, keeping all nodes that are still good: focus, scrolling and what is open stay
 * as they are.
 */
export function update(parent, ...children) {
  const fresh = nodes(children);
  const keyed = new Map();
  for (const child of parent.children) if (child.dataset.key !== undefined) keyed.set(child.dataset.key, child);
  let place = parent.firstChild;
  for (const node of fresh) {
    const key = keyOf(node);
    const old = key === undefined ? (place && keyOf(place) === undefined ? place : null) : keyed.get(key);
    if (old && old.nodeName === node.nodeName && old.nodeType === node.nodeType) {
      if (old === place) place = place.nextSibling;
      else parent.insertBefore(old, place);
      adopt(old, node);
    } else {
      parent.insertBefore(node, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined);

function adopt(old, node) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== node.data) old.data = node.data;
    return;
  }
  // What the reader opened, wrote or has half pressed is theirs.
  if (old.classList.contains("sure")) return;
  for (const { name, value } of node.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!node.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  if (node[handlers]) {
    if (old[handlers]) old[handlers] = node[handlers];
    else listen(old, node[handlers]);
  } else {
    old[handlers] = old[handlers] && {};
  }
  update(old, [...node.childNodes]);
}

/** A table whose roles are written out, because it is laid out as a grid where there is little room. Columns: `[heading, class]`. */
export function table(caption, kind, columns, rows) {
  return h(
    "table",
    { class: kind, role: "table" },
    h("caption", { class: "vh" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(([heading, place]) =>
      h("th", { role: "columnheader", scope: "col", class: place },
        heading === "" ? h("span", { class: "vh" }, "Act") : heading)))),
    h("tbody", { role: "rowgroup" }, rows),
  );
}

export const row = (attributes, ...cells) => h("tr", { role: "row", ...attributes }, cells);
export const cell = (place, label, ...children) => h("td", { role: "cell", class: place, "data-l": label }, children);
