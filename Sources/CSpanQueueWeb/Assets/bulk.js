// What is done to all jobs that a filter finds: first what it would be done to, then the deed, and how far it has come.

import { h, foreign, row, cell, table } from "./dom.js";
import { number, plural, shortID } from "./format.js";
import { get, path, send } from "./api.js";
import { jobPath, section, toast } from "./parts.js";
import { deeds, state } from "./states.js";

/** From so many on the number has to be typed. */
const mostUntyped = 1000;
const isUnderWay = (action) => action.state === "running" || action.state === "stopping";

/** The words that fit a state, or all of them. */
const wordsFor = (word) => Object.keys(deeds).filter((deed) => !word || deeds[deed].states.includes(word));

export class Bulk {
  constructor() {
    this.preview = null;
    this.action = null;
    this.isAsking = false;
  }

  /** Looks how far it has come. */
  async load() {
    if (this.action === null || !isUnderWay(this.action)) return;
    this.action = (await get(path(["bulk-actions", this.action.id]))).body;
    if (!isUnderWay(this.action)) toast(this.action.state === "done", `${this.action.action}: ${this.action.state}.`, summary(this.action));
  }

  async ask(deed, filter, redraw) {
    this.isAsking = true;
    this.preview = null;
    redraw();
    try {
      const wanted = Object.fromEntries(Object.entries(filter).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value)));
      this.preview = await send("POST", path(["bulk-actions"]), { dry_run: true, action: deed, filter: wanted });
    } catch (error) {
      toast(false, "Not counted.", error.message);
    }
    this.isAsking = false;
    redraw();
  }

  async begin(reload) {
    try {
      this.action = await send("POST", path(["bulk-actions"]), { token: this.preview.token });
      this.preview = null;
    } catch (error) {
      toast(false, "Not begun.", error.message);
    }
    reload();
  }

  async stop(reload) {
    try {
      this.action = await send("POST", path(["bulk-actions", this.action.id, "stop"]), {});
    } catch (error) {
      toast(false, "Not stopped.", error.message);
    }
    reload();
  }

  /** The buttons, or what came of them. `filter` is that of the list; nothing is offered for all jobs of all queues. */
  view(filter, { may, redraw, reload }) {
    if (!may("admin")) return null;
    if (this.action) return this.progress(redraw, reload);
    if (this.preview) return this.offer(redraw, reload);
    if (!Object.values(filter).some((value) => value.length > 0)) return null;
    return h("div", { class: "more", "data-key": "bulk" }, h("span", { class: "f" }, this.isAsking ? "Counting…" : "With all that match:"),
      !this.isAsking && wordsFor(filter.state).map((deed) => h("button", { class: "btn", type: "button", "data-bulk": deed, on: { click: () => this.ask(deed, filter, redraw) } }, `${deeds[deed].label}…`)));
  }

  offer(redraw, reload) {
    const { preview } = this;
    const { label, isFinal } = deeds[preview.action];
    const what = `${preview.exact ? "" : "at least "}${plural(preview.count, "job")}`;
    const mustType = preview.count > mostUntyped || isFinal;
    const begin = () => {
      const field = document.getElementById("bulk-count");
      if (mustType && field?.value.replaceAll(/[\s,]/g, "") !== String(preview.count)) {
        toast(false, "Not begun.", `Type ${number(preview.count)} first.`);
        field?.focus();
      } else this.begin(reload);
    };
    const types = Object.entries(preview.by_type).sort((one, other) => other[1] - one[1]).slice(0, 5);
    return h("div", { "data-key": "bulk", class: "sec" }, section(`${label} ${what}?`, "Jobs to which something happens from now on are left alone.",
      preview.count > 0 && h("ul", { class: "sum sec tight" }, Object.entries(preview.by_state).map(([word, count]) => h("li", {}, state(word), h("b", {}, number(count)))), types.map(([type, count]) => h("li", {}, foreign(type), h("b", {}, number(count))))),
      preview.examples.length > 0 && table("Some of them", "t", [["Job", "k m"], ["Type", "w3"], ["Queue", ""], ["State", ""]], preview.examples.map((job) => row({ key: `${job.queue} ${job.id}` },
        cell("k m", null, h("a", { href: jobPath(job), title: job.id }, foreign(shortID(job.id)))), cell("w3", null, foreign(job.type)), cell("", "Queue", foreign(job.queue)), cell("", null, state(job.state))))),
      h("div", { class: "more" },
        preview.count > 0 && mustType && [h("label", { for: "bulk-count" }, `Type ${number(preview.count)} to go on`), h("input", { class: "in", id: "bulk-count", inputmode: "numeric", autocomplete: "off" })],
        preview.count > 0 && h("button", { class: `btn ${isFinal ? "dng" : "pri"}`, type: "button", "data-deed": "bulk", on: { click: begin } }, `${label} ${what}`),
        h("button", { class: "btn", type: "button", on: { click: () => { this.preview = null; redraw(); } } }, "Leave them"))));
  }

  progress(redraw, reload) {
    const { action } = this;
    const share = action.expected > 0 ? Math.min(1, (action.counts.done + action.counts.requested) / action.expected) : 1;
    return h("div", { "data-key": "bulk", class: "sec" }, section(h("span", {}, foreign(action.action), ": ", action.state), null,
      h("svg", { class: "util", width: 240, height: 10, role: "img", "aria-label": `${Math.round(share * 100)}% done` }, h("rect", { class: "tr", width: 240, height: 10, rx: 3 }), h("rect", { class: "fl", width: 240 * share, height: 10, rx: 3 })),
      h("p", { class: "q" }, foreign(action.filter), ": ", summary(action)),
      action.error && h("p", { class: "q" }, foreign(action.error)),
      h("div", { class: "more" }, isUnderWay(action)
        ? h("button", { class: "btn", type: "button", disabled: action.state === "stopping" ? "" : null, on: { click: () => this.stop(reload) } }, "Stop")
        : h("button", { class: "btn", type: "button", on: { click: () => { this.action = null; redraw(); } } }, "Close"))));
  }
}

/** What was done, and what was left and why. */
function summary({ counts, expected }) {
  const rest = [[counts.requested, "told to stop"], [counts.duplicates, "left because of a lock"], [counts.moved, "had moved on"], [counts.missing, "gone by then"]];
  return `${number(counts.done)} of ${number(expected)} done${rest.filter(([count]) => count > 0).map(([count, words]) => `, ${number(count)} ${words}`).join("")}`;
}
