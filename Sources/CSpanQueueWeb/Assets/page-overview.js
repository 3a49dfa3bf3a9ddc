import { h, icon, foreign, row, cell, table } from "./dom.js";
import { number, plural, rate as perSecond, span, time } from "./format.js";
import { get, path } from "./api.js";
import * as history from "./history.js";
import { chart, readySpark, spark } from "./charts.js";
import { Order, bad, count, empty, head, jobPath, lifeOf, measure, queueLink, section, verdict, warn, well } from "./parts.js";
import { byNeed, drainText, queueSign, waited } from "./page-queues.js";

const shown = 8;

export function overview() {
  let active = [], dead = [], workers = [];
  let asTable = false;
  const order = new Order(byNeed);
  return {
    title: "Overview",
    nav: "/",
    async load() {
      const answers = await Promise.all([
        get(path(["workers"])), get(path(["jobs"], { state: "active", limit: shown })), get(path(["jobs"], { state: "dead", limit: shown })),
        history.recall(history.all, async () => (await get(path(["history"]))).body),
      ]);
      [workers, active, dead] = [answers[0].body.workers, answers[1].body.jobs, answers[2].body.jobs];
    },
    hear(event, data) {
      if (event === "workers") workers = data.workers;
    },
    view({ stats, root, feed, redraw }) {
      if (stats.queues.length === 0) {
        return [head("Overview"), empty("No queues yet", "Nothing has been enqueued. A queue appears with its first job.",
          `spanq worker --exec 'email:*=./send.py'\nspanq enqueue email:hello '{"to":"ada@example.org"}'`)];
      }
      const list = history.of(history.all);
      const slots = workers.reduce((sum, worker) => sum + worker.concurrency, 0);
      const busy = workers.reduce((sum, worker) => sum + worker.busy, 0);
      const oldest = history.oldest(stats.queues);
      const completed = history.rate(history.all, "completed");
      const lately = history.lately();
      const ended = lately.completed + lately.dead;
      const earlier = history.pointsBefore(history.all, ({ ready }) => ready);
      const from = Math.min(earlier[0]?.x ?? Date.now(), list[0]?.at ?? Date.now(), Date.now() - 60_000);
      return [
        head("Overview"),
        judge(stats, workers),
        h("dl", { class: "strip" },
          measure("Ready", count(stats.jobs.ready), { note: `${plural(stats.queues.length + stats.omitted_queues, "queue")}`, trend: trend("Ready", list, "ready") }),
          measure("Oldest ready", waited(oldest), { note: oldest === null ? "none waits" : "of all queues", trend: trend("Oldest ready, seconds", list, "oldest") }),
          measure("Completed", perSecond(completed), { unit: "/s", note: completed === null ? "known in 3 s" : "last 30 s" }),
          measure("Succeeded", ended === 0 ? "–" : (Math.floor((lately.completed / ended) * 1000) / 10).toFixed(1), { unit: ended === 0 ? "" : "%", kind: lately.dead > 0 ? "warn" : "", note: ended === 0 ? "none has ended" : `of ${number(ended)} ${lately.isHour ? "in an hour" : "while you look"}` }),
          measure("An attempt takes", lately.mean === null ? "–" : span(lately.mean * 1000), { note: lately.mean === null ? "not told yet" : "mean of an hour" }),
          measure("Slots busy", number(busy), { unit: `of ${number(slots)}`, note: `${plural(workers.length, "worker")} live` }),
          measure("Dead", number(stats.jobs.dead), { kind: stats.jobs.dead > 0 ? "bad" : "f", note: stats.jobs.dead > 0 ? "a person is needed" : "nothing to do", trend: trend("Dead", list, "deadNow") })),
        notices(stats),
        chart({
          title: "Ready to run", unit: `jobs${history.depths.length > 0 ? " by priority" : ""}, every 3 s, all queues, ${earlier.length > 0 ? "and each minute before" : "since this page was opened"}`,
          series: [...before(earlier), ...depth(stats, list)], from, to: Date.now(), asTable, onTable: () => { asTable = !asTable; redraw(); },
        }),
        section("Where the jobs are", "all queues", lifeOf(stats.jobs)),
        h("div", { class: "cols c32" },
          h("section", { key: "queues" },
            h("div", { class: "sh" }, h("h2", {}, "Queues, those in need first"), h("span", { class: "r sm" }, h("a", { href: "/queues" }, `All ${number(stats.queues.length + stats.omitted_queues)}`))),
            table("Queues", "t", [["Queue", "k"], ["Ready", "n"], ["Oldest", "n"], ["To drain", "n"], ["Trend", "n e1"]],
              order.of(stats.queues, root.querySelector('[data-key="queues"] tbody')).slice(0, shown).map((queue) => row({ key: queue.name },
                cell("k", null, h("span", { class: "st" }, queueSign(queue), queueLink(queue.name)), queue.paused && [" ", h("span", { class: "bdg" }, "paused")]),
                cell("n", "Ready", count(queue.ready)), cell("n", "Oldest", waited(queue.oldest_ready_age_seconds)), cell("n", "To drain", drainText(queue)),
                cell("n e1", null, readySpark(queue.name, history.trend(queue.name), 64)))))),
          h("div", { key: "lists" },
            feed.view(isAmong(root.querySelector('[data-key="feed"]'))),
            section("Running", active.length === 0 ? "nothing now" : active.length === shown ? `the first ${shown}` : null, active.length > 0
              && table("Running jobs", "t fix", [["Type", "k"], ["Worker", "w lo"], ["Began", "n"]], active.map((job) => row({ key: job.id + job.queue },
                named(job), cell("w lo", null, h("span", { class: "el q" }, foreign(job.worker ?? ""))), cell("n", null, job.attempts.length > 0 && time(job.attempts.at(-1).started_at)))))),
            section("Dead letters", dead.length === 0 ? "none" : dead.length === shown ? `${shown} of ${number(stats.jobs.dead)}` : null, dead.length > 0
              && table("Dead letters", "t fix", [["Type", "k"], ["Last error", "w"]], dead.map((job) => row({ key: job.id + job.queue },
                named(job), cell("w", null, h("span", { class: "el q" }, foreign((job.last_error ?? job.reason ?? "").slice(0, 200)))))))))),
      ];
    },
  };
}

/** The pointer or the focus is in it. */
const isAmong = (node) => node !== null && (node.matches(":hover") || node.contains(document.activeElement));

/** What was before this page was opened, of which the priorities are not known. */
const before = (points) => (points.length > 1 ? [{ label: "before, all", kind: "c-ready", area: true, text: "", points }] : []);

/** Ready jobs by priority, the lowest on top; all in one where that is not known. */
function depth(stats, list) {
  if (history.depths.length === 0) return [{ label: "ready", kind: "c-ready", area: true, text: number(stats.jobs.ready), points: list.map(({ at, ready }) => ({ x: at, y: ready })) }];
  return history.bands.map(([label, , fill], index) => ({
    label: label === "none" ? "no priority" : `priority ${label}`, fill, kind: "", text: number(history.depths.at(-1).ready[index]), points: history.depths.map(({ at, ready }) => ({ x: at, y: ready[index] })),
  })).filter(({ points }, index) => index === 3 || points.some(({ y }) => y > 0)).reverse();
}

const trend = (label, list, member) => spark(`${label}, since this page was opened`, list.map((sample) => sample[member]));

const named = (job) => cell("k", null, h("a", { class: "el", href: jobPath(job) }, foreign(job.type)));

/** What the figures say, worst first. */
function judge(stats, workers) {
  const unserved = stats.queues.filter((queue) => queue.ready > 0 && queue.workers_alive === 0 && !queue.paused);
  const paused = stats.queues.filter(({ paused }) => paused);
  const why = `${number(stats.jobs.ready)} ready, ${number(stats.jobs.active)} running, ${number(stats.jobs.retrying)} to be tried again, ${number(stats.jobs.dead)} dead, on ${plural(workers.length, "live worker")}.`;
  if (unserved.length > 0) {
    const text = unserved.length === 1 ? ["Nobody works on ", foreign(unserved[0].name), "."] : `Nobody works on ${unserved.length} queues that have ready jobs.`;
    return verdict(bad(), text, why);
  }
  if (stats.jobs.dead > 0) return verdict(bad(), `${plural(stats.jobs.dead, "dead letter")} ${stats.jobs.dead === 1 ? "needs" : "need"} a person.`, [why, " ", h("a", { href: "/errors" }, "See what they failed of"), " or ", h("a", { href: "/jobs?state=dead" }, "each of them"), "."]);
  if (paused.length > 0) return verdict(icon("i-pause"), paused.length === 1 ? [foreign(paused[0].name), " is paused."] : `${paused.length} queues are paused.`, why);
  return verdict(well(), "Nothing is dead, paused or without a worker.", why);
}

function notices(stats) {
  const list = stats.queues.flatMap((queue) => {
    if (queue.paused) return [note(icon("i-pause"), queue, " is paused.", `${plural(queue.ready, "ready job")} ${queue.ready === 1 ? "waits" : "wait"}.`)];
    if (queue.ready > 0 && queue.workers_alive === 0) {
      return [note(warn(), queue, " has no live worker.", `${plural(queue.ready, "job")} ${queue.ready === 1 ? "is" : "are"} ready${queue.oldest_ready_age_seconds === null ? "" : `, the oldest for ${span(queue.oldest_ready_age_seconds * 1000)}`}.`)];
    }
    return [];
  });
  const more = list.length > 6 ? h("li", { class: "note" }, h("a", { href: "/queues" }, `${list.length - 6} more`)) : null;
  return list.length > 0 && h("ul", { class: "sec" }, list.slice(0, 6), more);
}

const note = (sign, queue, text, more) => h("li", { class: "note" }, sign, h("span", {}, h("b", {}, foreign(queue.name), text), " ", h("span", { class: "q" }, more), " ", h("a", { href: path(["queues", queue.name]) }, "Look")));
