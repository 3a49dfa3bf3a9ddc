import { h, icon, foreign, outside, row, cell, table } from "./dom.js";
import { number, plural, rate as perSecond, span, time } from "./format.js";
import { get, path, send } from "./api.js";
import * as history from "./history.js";
import { bar, chart } from "./charts.js";
import { waited } from "./page-queues.js";
import { bad, confirmed, count, empty, head, lifeOf, measure, refusal, section, toast, verdict, warn, well } from "./parts.js";

export function queue(name) {
  let queue = null, problem = null, workers = [], asTable = {};
  return {
    title: name,
    nav: "/queues",
    async load() {
      try {
        const answers = await Promise.all([get(path(["queues", name])), get(path(["workers"])), history.recall(name, async () => (await get(path(["queues", name, "history"]))).body)]);
        queue = answers[0].body;
        workers = answers[1].body.workers.filter(({ queues }) => queues.includes(name));
        problem = null;
      } catch (error) {
        if (error.isOutage !== false) throw error;
        problem = error;
      }
    },
    hear(event, data) {
      if (event === "workers") workers = data.workers.filter(({ queues }) => queues.includes(name));
      if (event === "stats") queue = queue && { ...queue, ...data.stats.queues.find((one) => one.name === name) };
    },
    view({ may, redraw, reload, session }) {
      const title = [h("a", { class: "f", href: "/queues" }, "Queues"), " / ", foreign(name)];
      if (problem) return [head(title), refusal(problem, "queue")];
      if (!queue) return [head(title)];
      const list = history.of(name);
      const [arrive, leave] = [history.rate(name, "enqueued"), history.rate(name, "ended")];
      const earlier = history.pointsBefore(name, ({ ready }) => ready);
      const from = Math.min(earlier[0]?.x ?? Date.now(), list[0]?.at ?? Date.now(), Date.now() - 60_000);
      const toggle = (key) => () => { asTable = { ...asTable, [key]: !asTable[key] }; redraw(); };
      const act = async (paused) => {
        try {
          const reason = document.getElementById("why")?.value.trim() ?? "";
          queue = await send("PATCH", path(["queues", name]), paused && reason ? { paused, reason } : { paused });
          toast(true, paused ? `${name} is paused.` : `${name} goes on.`, paused ? "Jobs that run go on; no more are begun." : "");
        } catch (error) {
          toast(false, paused ? "Not paused." : "Not resumed.", error.message);
        }
        reload();
      };
      const rates = list.map((_, index) => [history.rate(name, "enqueued", index), history.rate(name, "ended", index)]);
      const slots = workers.reduce((sum, worker) => sum + worker.concurrency, 0);
      const busy = workers.reduce((sum, worker) => sum + worker.busy, 0);
      return [
        head(title, [queue.paused && h("span", { class: "bdg" }, "paused"), outside(session.queue_url, "queue", name, "Dashboard")], may("operate") ? [
          !queue.paused && h("input", { class: "in", id: "why", "aria-label": "Why it is paused", placeholder: "Why, if you pause it", maxlength: 200, autocomplete: "off" }),
          queue.paused
            ? confirmed("resume", { label: "Resume", kind: "pri", key: "P", sign: icon("i-play"), act: () => act(false) })
            : confirmed("pause", { label: "Pause", key: "P", sign: icon("i-pause"), act: () => act(true) }),
        ] : []),
        judge(queue, workers, arrive, leave),
        h("dl", { class: "strip" },
          measure("Ready", count(queue.ready), { note: list.length > 1 ? `${number(list[0].ready)} when you came` : " " }),
          measure("Oldest ready", waited(queue.oldest_ready_age_seconds), { note: queue.oldest_ready_age_seconds === null ? "none waits" : " " }),
          measure("In", perSecond(arrive), { unit: "/s", note: "last 30 s" }),
          measure("Out", perSecond(leave), { unit: "/s", note: "last 30 s" }),
          toDrain(queue),
          measure("Dead", number(queue.dead), { kind: queue.dead > 0 ? "bad" : "f", note: `${number(queue.totals.dead)} ever` }),
          measure("Workers", number(queue.workers_alive), { kind: queue.workers_alive === 0 && queue.ready > 0 ? "bad" : "", note: `${number(busy)} of ${plural(slots, "slot")} busy` })),
        h("div", { class: "cols c11" },
          chart({
            title: "Ready to run", unit: earlier.length > 0 ? "jobs, each minute before this page was opened" : "jobs, since this page was opened", from, to: Date.now(), asTable: asTable.ready === true, onTable: toggle("ready"),
            series: [{ label: "ready", kind: "c-ready", area: true, text: number(queue.ready), points: [...earlier, ...list.map(({ at, ready }, index) => ({ x: at, y: ready, gap: index === 0 ? 150_000 : undefined }))] }],
          }),
          chart({
            title: "In and out", unit: "jobs a second, over 30 s", from, to: Date.now(), asTable: asTable.rates === true, onTable: toggle("rates"),
            series: [
              { label: "in", kind: "", dash: "5 3", text: perSecond(arrive), points: list.map(({ at }, index) => ({ x: at, y: rates[index][0] })) },
              { label: "out", kind: "c-active", text: perSecond(leave), points: [...history.pointsBefore(name, ({ completed, dead, seconds }) => (completed + dead) / seconds), ...list.map(({ at }, index) => ({ x: at, y: rates[index][1], gap: index <= 1 ? 150_000 : undefined }))] },
            ],
          })),
        section("Where its jobs are", null, lifeOf(queue, name)),
        h("div", { class: "cols c32" },
          section("Workers that serve it", workers.length === 0 ? "none is alive" : plural(workers.length, "live worker"), workers.length > 0
            ? table("Workers", "t", [["Worker", "k"], ["Slots busy", "n"], ["Version", "n lo"], ["Started", "n"]], workers.map((worker) => row({ key: worker.id },
              cell("k", null, foreign(worker.id)), cell("n", "Slots busy", number(worker.busy), h("span", { class: "f" }, `/${number(worker.concurrency)}`), " ", bar(worker.busy, worker.concurrency)),
              cell("n lo", "Version", foreign(worker.version)), cell("n", "Started", time(worker.started_at)))))
            : empty("Nobody works on it", "A worker that serves it begins with its next job.", `spanq worker --queues ${name} --exec 'type:*=./program'`)),
          section("Since it was made", null, h("dl", { class: "kv" }, ["enqueued", "completed", "dead", "cancelled", "removed"].flatMap((word) => [h("dt", {}, word), h("dd", {}, count(queue.totals[word]))])))),
      ];
    },
  };
}

function toDrain(queue) {
  const drain = history.drain(queue);
  switch (drain?.kind) {
    case "paused": case "empty": return measure("To drain", drain.kind, { kind: "q" });
    case "drains": return measure("To drain", span(drain.seconds * 1000), { note: "at this pace" });
    case "keeps": return measure("To drain", "keeps pace", { kind: "q", note: "as many leave as arrive" });
    case "grows": return measure("To drain", "grows", { unit: `${perSecond(drain.rate)}/s`, kind: drain.isBad ? "bad" : "" });
    case "stands": return measure("To drain", "stands", { kind: drain.isBad ? "bad" : "", note: "none leaves" });
    default: return measure("To drain", "–", { note: "known in 3 s" });
  }
}

function judge(queue, workers, arrive, leave) {
  if (queue.paused) return verdict(icon("i-pause"), "It is paused: nothing is begun until somebody resumes it.", [paused(queue.pause), `${plural(queue.ready, "ready job")}, ${number(queue.active)} still running.`]);
  if (queue.ready > 0 && queue.workers_alive === 0) return verdict(bad(), "Nobody works on it.", `${plural(queue.ready, "job")} ${queue.ready === 1 ? "is" : "are"} ready, and no live worker serves this queue.`);
  if (history.drain(queue)?.kind === "grows") return verdict(warn(), `${perSecond(arrive - leave)} more jobs a second arrive than leave.`, `${perSecond(arrive)} in, ${perSecond(leave)} out, over the last 30 s.`);
  if (queue.ready === 0) return verdict(well(), "No job waits for a worker.", workers.length === 0 ? "No worker serves it now." : null);
  return verdict(well(), `${plural(queue.ready, "job")} ${queue.ready === 1 ? "waits" : "wait"}, and ${plural(queue.workers_alive, "worker")} ${queue.workers_alive === 1 ? "serves" : "serve"} it.`, null);
}

/** Who paused it, when and why, as far as that is known. */
const paused = (pause) => pause && [pause.by ? ["By ", foreign(pause.by), " "] : "Paused ", time(pause.at), pause.reason && [": ", foreign(pause.reason)], ". "];
