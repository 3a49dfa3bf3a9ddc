// What several pages are made of.

import { h, icon, foreign } from "./dom.js";
import { number } from "./format.js";
import { path } from "./api.js";
import { life, state } from "./states.js";

/** The page's name, with what can be done on it. */
export const head = (title, extra, acts) =>
  h("div", { class: "head" }, h("h1", {}, title), extra, acts && acts.length > 0 && h("div", { class: "acts" }, acts));

/** One sentence that says how it stands, and below it what it rests on. It says what the figures say and no more. */
export const verdict = (sign, text, why) => [
  h("p", { class: "verdict" }, sign, h("span", {}, text)),
  why && h("p", { class: "why" }, why),
];
export const bad = () => icon("s-dead", "bad");
export const warn = () => icon("i-warn", "warn");
export const well = () => icon("s-completed", "good");

/** A measure: its name, the figure, what it is of or may be, its trend. */
export const measure = (label, figure, { unit, note, kind = "", trend } = {}) => h("div", {},
  h("dt", {}, label), h("dd", { class: kind }, figure, unit && h("small", {}, unit)), h("dd", { class: "x" }, note ?? " "), trend && h("dd", {}, trend));

export const section = (title, note, ...rest) => h("section", {}, h("div", { class: "sh" }, h("h2", {}, title), note && h("span", { class: "f sm" }, note)), rest);

export const empty = (title, text, command, sign) => h("section", { class: "empty" },
  h("h2", {}, sign, title), h("p", {}, text), command && h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": "Command" }, command));

export const count = (value, kind = "") => (value === 0 ? h("span", { class: "f" }, "0") : kind ? h("span", { class: kind }, number(value)) : number(value));

/** How many jobs are in each state; each leads to its list. */
export const lifeOf = (jobs, queue) => h("div", { class: "life" }, life.map(([title, states]) => h("div", {},
  h("h3", {}, title), h("ul", {}, states.map((word) => h("li", {}, h("a", { href: path(["jobs"], { state: word, queue }) },
    state(word), h("b", { class: jobs[word] === 0 ? "f" : null }, number(jobs[word])))))))));

export const queueLink = (name) => h("a", { href: path(["queues", name]) }, foreign(name));
export const jobPath = (job) => path(["jobs", job.id], { queue: job.queue });

/** What is wrong with what was asked, in place of a page. */
export const refusal = (problem, what) => {
  const isGone = problem.status === 404;
  return empty(isGone ? `There is no such ${what}` : "This can't be shown", h("span", {}, foreign(problem.message)), null, isGone ? null : warn());
};

/**
 * A button that wants a second press within three seconds, in the same place; Escape takes the first one back, and a key that is held
 * down does not confirm.
 */
export function confirmed(word, { label, kind = "", key, sign, isSmall, name, act }) {
  return h("button", {
    class: `btn ${kind}`.trim(), "data-deed": word, "data-hotkey": key, "aria-label": name ?? null, type: "button",
    on: {
      click: (event) => press(event.currentTarget, label, act),
      keydown: (event) => {
        if (event.repeat && (event.key === "Enter" || event.key === " ")) event.preventDefault();
      },
    },
  }, isSmall ? sign : [sign, label, key && [" ", h("kbd", {}, key)]]);
}

const armed = new Map();

function press(button, label, act) {
  if (armed.has(button)) {
    disarm();
    act();
    return;
  }
  disarm();
  const before = { nodes: [...button.childNodes], kind: button.className, label: button.getAttribute("aria-label") };
  const text = `Press again to ${label.toLowerCase()}`;
  // Not narrower than it was.
  button.style.minWidth = `${button.offsetWidth}px`;
  button.replaceChildren(text);
  button.className = "btn sure";
  button.removeAttribute("aria-label");
  say(text);
  armed.set(button, { before, timer: setTimeout(disarm, 3000) });
}

/** Takes back what was pressed once. */
export function disarm() {
  for (const [button, { before, timer }] of armed) {
    clearTimeout(timer);
    button.replaceChildren(...before.nodes);
    button.className = before.kind;
    if (before.label) button.setAttribute("aria-label", before.label);
    button.style.minWidth = "";
  }
  armed.clear();
}

/** Said to those who do not see the page. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** What came of something. A success stays six seconds, a failure until it is closed; there are three at most. */
export function toast(isWell, title, text, link) {
  const list = document.getElementById("toasts");
  const node = h("div", { class: "toast" }, isWell ? well() : bad(), h("span", {}, h("b", {}, title), " ", h("span", { class: "q" }, text && foreign(text))), link,
    h("button", { class: "btn bare", type: "button", "aria-label": "Close", on: { click: () => node.remove() } }, icon("i-x")));
  list.append(node);
  while (list.children.length > 3) list.firstChild.remove();
  if (isWell) setTimeout(() => node.remove(), 6000);
}

/** Keeps the order of a list while the pointer or the focus is in it, and for ten seconds. */
export class Order {
  constructor(compare) {
    this.compare = compare;
    this.names = [];
    this.at = 0;
  }

  of(items, holder) {
    const isHeld = holder && (holder.matches(":hover") || holder.contains(document.activeElement));
    const known = new Map(items.map((item) => [item.name, item]));
    const isSame = this.names.length === items.length && this.names.every((name) => known.has(name));
    if (!isSame || (!isHeld && Date.now() - this.at > 10_000)) {
      this.names = [...items].sort(this.compare).map(({ name }) => name);
      this.at = Date.now();
    }
    return this.names.map((name) => known.get(name));
  }
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(true, "Copied.");
  } catch {
    toast(false, "Not copied.", "The browser does not let this page write to the clipboard.");
  }
}
