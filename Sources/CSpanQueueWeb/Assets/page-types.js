// Which types of jobs there are, where they stand, and who runs them.

import { h, foreign, row, cell, table } from "./dom.js";
import { number, plural } from "./format.js";
import { get, path } from "./api.js";
import { count, empty, head, queueLink, verdict, warn, well } from "./parts.js";

const shown = ["scheduled", "ready", "retrying", "active", "completed", "dead"];
/** Types are found by looking at jobs, so not each time that figures are asked for. */
const interval = 15_000;

export function types(query) {
  const queue = query.get("queue") ?? "";
  let page = null, askedAt = 0;
  return {
    title: "Types",
    nav: "/types",
    async load() {
      if (page !== null && Date.now() - askedAt < interval) return;
      page = (await get(path(["types"], { queue }))).body;
      askedAt = Date.now();
    },
    view() {
      if (page.types.length === 0) return [head("Types"), empty("There are no types", "A type is there with its first job, or with a worker that handles it.", "spanq enqueue email:hello '{\"to\":\"ada@example.org\"}'")];
      const alone = page.types.filter((one) => one.workers === 0 && (one.jobs.ready > 0 || one.jobs.retrying > 0));
      return [
        head("Types", queue && h("span", { class: "q" }, "of queue ", foreign(queue))),
        alone.length > 0
          ? verdict(warn(), alone.length === 1 ? ["No live worker handles ", foreign(alone[0].type), "."] : `No live worker handles ${number(alone.length)} of the types whose jobs wait.`)
          : verdict(well(), "Each type whose jobs wait has a worker that handles it."),
        h("div", { class: "sec tight" }, table("Types", "t", [["Type", "k"], ["Queue", "lo"], ...shown.map((word) => [word[0].toUpperCase() + word.slice(1), "n"]), ["Failed", "n"], ["Workers", "n"]], page.types.map((one) => row({ key: one.type },
          cell("k", null, h("a", { class: "el", href: path(["jobs"], { type: one.type, queue }) }, foreign(one.type))),
          cell("lo", "Queue", one.queues.map((name, index) => [index > 0 && ", ", queueLink(name)])),
          shown.map((word) => cell("n", word[0].toUpperCase() + word.slice(1), count(one.jobs[word] ?? 0, word === "dead" ? "bad" : ""))),
          cell("n", "Failed", one.errors > 0 ? h("a", { href: path(["errors"], { type: one.type, queue }) }, number(one.errors)) : count(0)),
          cell("n", "Workers", count(one.workers)))))),
        h("div", { class: "more" }, h("span", {}, plural(page.types.length, "type"), `; looked at ${plural(page.scanned, "job")}`, page.complete ? ", and that is all" : ": there are more, so these are the least"),
          h("span", { class: "f" }, "failed: attempts that ended in an error")),
      ];
    },
  };
}
