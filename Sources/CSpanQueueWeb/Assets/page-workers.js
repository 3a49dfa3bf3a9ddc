import { h, icon, foreign } from "./dom.js";
import { now, number, plural, age } from "./format.js";
import { get, path } from "./api.js";
import { empty, head, measure, queueLink, verdict, warn, well } from "./parts.js";

const perRow = 10;
/** Beyond these a grid says no more than its figures. */
const mostCells = 200;

export function workers() {
  let workers = [];
  return {
    title: "Workers",
    nav: "/workers",
    async load() {
      workers = (await get(path(["workers"]))).body.workers;
    },
    hear(event, data) {
      if (event === "workers") workers = data.workers;
    },
    view({ stats }) {
      if (workers.length === 0) {
        return [head("Workers"), empty("No worker is alive", stats.jobs.ready > 0 ? `${plural(stats.jobs.ready, "job")} ${stats.jobs.ready === 1 ? "is" : "are"} ready, and nobody works on them.` : "A worker appears when it has connected.", "spanq worker --exec 'email:*=./send.py'", stats.jobs.ready > 0 && warn())];
      }
      const slots = workers.reduce((sum, worker) => sum + worker.concurrency, 0);
      const busy = workers.reduce((sum, worker) => sum + worker.busy, 0);
      const full = workers.filter(isFull);
      const versions = new Map();
      for (const { version } of workers) versions.set(version, (versions.get(version) ?? 0) + 1);
      return [
        head("Workers"),
        full.length > 0
          ? verdict(warn(), full.length === workers.length ? "All workers are full." : `${plural(full.length, "worker")} of ${number(workers.length)} ${full.length === 1 ? "is" : "are"} full.`, "Full is not bad by itself; it is where jobs wait.")
          : verdict(well(), `${plural(workers.length, "worker")} ${workers.length === 1 ? "is" : "are"} alive, and each has a free slot.`),
        h("dl", { class: "strip" },
          measure("Live", number(workers.length)),
          measure("Slots busy", number(busy), { unit: `of ${number(slots)}`, note: `${number(slots - busy)} idle` }),
          measure("Versions", number(versions.size), { note: h("span", {}, [...versions].map(([version, count], index) => [index > 0 && ", ", foreign(version), ` on ${number(count)}`])) })),
        h("section", {},
          h("div", { class: "sh" }, h("h2", {}, "Grid"), h("span", { class: "f sm" }, "a cell a slot, the fullest first"),
            h("span", { class: "r sm" }, h("ul", { class: "key" }, h("li", {}, slot(0, 0, false, 15), "idle"), h("li", {}, slot(0, 0, true, 15), "busy")))),
          h("ul", { class: "wg" }, [...workers].sort((one, other) => isFull(other) - isFull(one) || (one.id < other.id ? -1 : 1)).map(card))),
      ];
    },
  };
}

const isFull = (worker) => worker.busy >= worker.concurrency;

const rect = (x, y, isBusy) => h("rect", { class: isBusy ? "slot b" : "slot", x: x + 0.5, y: y + 0.5, width: 14, height: 14, rx: 2 });
const slot = (x, y, isBusy, size) => h("svg", { width: size, height: size, "aria-hidden": "true" }, rect(x, y, isBusy));

function card(worker) {
  const cells = Math.min(worker.concurrency, mostCells);
  const rows = Math.ceil(cells / perRow);
  const rest = worker.id.startsWith(`${worker.host}-`) ? worker.id.slice(worker.host.length + 1) : worker.id;
  return h("li", { key: worker.id, id: `w-${encodeURIComponent(worker.id)}` },
    h("div", { class: "row" }, h("h3", {}, foreign(worker.host)), h("span", { class: "f m" }, foreign(rest)), h("span", { class: "sp" }),
      isFull(worker) && h("span", { class: "sm" }, h("span", { class: "st warn" }, icon("i-warn"), "full"))),
    h("div", { class: "row pt" },
      h("svg", { width: Math.min(cells, perRow) * 18 - 3 + 1, height: rows * 18 - 2, role: "img", "aria-label": `${number(worker.busy)} of ${plural(worker.concurrency, "slot")} busy` },
        [...Array(cells).keys()].map((index) => rect((index % perRow) * 18, Math.floor(index / perRow) * 18, index < worker.busy))),
      h("div", {}, h("b", { class: "big" }, number(worker.busy)), h("span", { class: "q" }, ` of ${number(worker.concurrency)}`), h("br"), h("span", { class: "f sm" }, "busy"))),
    h("p", { class: "sm q pt" }, worker.queues.map((name, index) => [index > 0 && ", ", queueLink(name)])),
    h("p", { class: "sm f" }, foreign(worker.version), `, up ${age(now() - Date.parse(worker.started_at))}, process ${worker.pid}`));
}
