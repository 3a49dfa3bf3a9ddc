// The feed: what became of jobs, the latest first. Its lines do not move while somebody is among them.

import { foreign, h } from "./dom.js";
import { number, shortID, time } from "./format.js";
import { event } from "./states.js";
import { jobPath } from "./parts.js";

const most = 40;
const shown = 12;
/** More than so many in a frame, of which there are four a second, are summed up. */
const named = 2;

export class Feed {
  constructor() {
    this.lines = [];
    this.held = null;
    this.count = 0;
  }

  add({ at, jobs, counts }) {
    for (const job of jobs.slice(-named)) this.put({ at: job.at, job });
    const sums = new Map();
    for (const { counts: one } of counts) for (const [word, count] of Object.entries(one)) sums.set(word, (sums.get(word) ?? 0) + count);
    for (const job of jobs.slice(-named)) sums.set(job.event, sums.get(job.event) - 1);
    for (const [word, count] of sums) if (count > 0) this.sum(at, word, count);
  }

  /** What comes within a second of the same kind is one line. */
  sum(at, word, count) {
    const same = this.lines.slice(0, 4 * named + 8).find((line) => line.word === word && Date.parse(at) - Date.parse(line.at) < 1000);
    if (same) same.count += count;
    else this.put({ at, word, count });
  }

  put(line) {
    this.lines.unshift({ ...line, key: this.count++ });
    this.lines.length = Math.min(this.lines.length, most);
  }

  /** `isAmong`: the pointer or the focus is in it. */
  view(isAmong) {
    const isHeld = isAmong || this.isFrozen;
    this.held = isHeld ? this.held ?? this.lines.slice(0, shown) : null;
    const lines = this.held ?? this.lines.slice(0, shown);
    const newer = this.held && this.lines.length > 0 ? this.lines[0].key - (lines[0]?.key ?? -1) : 0;
    return h("section", { key: "feed" },
      h("div", { class: "sh" }, h("h2", {}, "What happens"), h("span", { class: "f sm" }, newer > 0 ? `held: ${number(newer)} newer` : lines.length === 0 ? "nothing yet" : "as it happens")),
      h("ol", { class: "feed" }, lines.map((line) => h("li", { key: line.key },
        h("span", { class: "f sm" }, time(line.at)), event(line.job?.event ?? line.word),
        line.job
          ? h("span", { class: "el" }, line.job.event === "removed" ? foreign(line.job.type ?? "") : h("a", { href: jobPath(line.job) }, foreign(line.job.type ?? shortID(line.job.id))), " ", h("span", { class: "f m" }, shortID(line.job.id)), line.job.error_type && [" ", h("span", { class: "q" }, foreign(line.job.error_type))])
          : h("span", { class: "q" }, `${number(line.count)} ${line.count === 1 ? "job" : "jobs"}`)))));
  }
}
