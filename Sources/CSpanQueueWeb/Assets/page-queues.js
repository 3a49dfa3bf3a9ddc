import { h, icon, row, cell, table } from "./dom.js";
import { age, number, plural, rate as perSecond, span } from "./format.js";
import { get, path } from "./api.js";
import * as history from "./history.js";
import { readySpark } from "./charts.js";
import { Order, bad, count, empty, head, queueLink, verdict, warn, well } from "./parts.js";

/** How much a queue needs somebody: nobody serves it, it falls behind, it has dead letters, it is paused. */
const need = (queue) => {
  if (queue.ready > 0 && queue.workers_alive === 0 && !queue.paused) return 4;
  if (history.drain(queue)?.isBad) return 3;
  if (queue.dead > 0) return 2;
  return queue.paused ? 1 : 0;
};
export const byNeed = (one, other) => need(other) - need(one) || other.ready - one.ready || (one.name < other.name ? -1 : 1);

export function queueSign(queue) {
  if (queue.paused) return icon("i-pause", "q");
  switch (need(queue)) {
    case 4: return bad();
    case 3: case 2: return warn();
    default: return icon("i-ok", "good");
  }
}

/** The age of the oldest ready job, from seconds. */
export const waited = (seconds) => (seconds === null ? "–" : seconds < 10 ? `${seconds.toFixed(1)} s` : age(seconds * 1000));

export function drainText(queue) {
  const drain = history.drain(queue);
  switch (drain?.kind) {
    case "paused": case "empty": return h("span", { class: "q" }, drain.kind);
    case "drains": return span(drain.seconds * 1000);
    case "keeps": return h("span", { class: "q" }, "keeps pace");
    case "grows": return h("span", { class: drain.isBad ? "bad" : null }, `grows ${perSecond(drain.rate)}/s`);
    case "stands": return h("span", { class: drain.isBad ? "bad" : null }, "stands still");
    default: return "–";
  }
}

export function queues() {
  const order = new Order(byNeed);
  return {
    title: "Queues",
    nav: "/queues",
    load: () => history.recall(history.all, async () => (await get(path(["history"]))).body),
    view({ stats, root }) {
      if (stats.queues.length === 0) return [head("Queues"), empty("No queues yet", "Nothing has been enqueued. A queue appears with its first job.", "spanq enqueue email:hello '{}'")];
      return [
        head("Queues"),
        judge(stats.queues),
        h("section", {}, table("Queues", "t", [["Queue", "k"], ["Ready", "n"], ["Oldest", "n"], ["In /s", "n lo"], ["Out /s", "n lo"], ["To drain", "n"], ["Active", "n"], ["Retrying", "n lo"], ["Dead", "n"], ["Workers", "n"], ["Trend", "n e1"]],
          order.of(stats.queues, root.querySelector("tbody")).map((queue) => row({ key: queue.name },
            cell("k", null, h("span", { class: "st" }, queueSign(queue), queueLink(queue.name)), queue.paused && [" ", h("span", { class: "bdg" }, "paused")]),
            cell("n", "Ready", count(queue.ready)),
            cell("n", "Oldest", waited(queue.oldest_ready_age_seconds)),
            cell("n lo", "In /s", perSecond(history.rate(queue.name, "enqueued"))),
            cell("n lo", "Out /s", perSecond(history.rate(queue.name, "ended"))),
            cell("n", "To drain", drainText(queue)),
            cell("n", "Active", count(queue.active)),
            cell("n lo", "Retrying", count(queue.retrying)),
            cell("n", "Dead", queue.dead > 0 ? h("a", { class: "bad", href: path(["jobs"], { state: "dead", queue: queue.name }) }, number(queue.dead)) : count(0)),
            cell("n", "Workers", need(queue) === 4 ? h("span", { class: "bad" }, "0") : count(queue.workers_alive)),
            cell("n e1", null, readySpark(queue.name, history.trend(queue.name))))))),
        h("div", { class: "more" }, h("span", {}, `${plural(stats.queues.length, "queue")}, those in need first${stats.omitted_queues > 0 ? `; ${number(stats.omitted_queues)} more are only in the sums` : ""}`)),
      ];
    },
  };
}

function judge(queues) {
  const unserved = queues.filter((queue) => need(queue) === 4);
  const behind = queues.filter((queue) => need(queue) === 3);
  const paused = queues.filter(({ paused }) => paused).length;
  const why = `${plural(queues.length, "queue")}${paused > 0 ? `, ${number(paused)} paused` : ""}.`;
  if (unserved.length > 0) return verdict(bad(), `${plural(unserved.length, "queue")} with ready jobs ${unserved.length === 1 ? "has" : "have"} no live worker.`, why);
  if (behind.length > 0) return verdict(warn(), `${plural(behind.length, "queue")} ${behind.length === 1 ? "does" : "do"} not get shorter.`, [why, " As many jobs arrive as leave, or more, over the last 30 s."]);
  return verdict(well(), "All queues with ready jobs are served.", why);
}
