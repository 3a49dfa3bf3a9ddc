// A job's life as a table with a drawing in one of its columns. All that is drawn is also said in words.

import { h, foreign, row, cell } from "./dom.js";
import { age, clock, number, span } from "./format.js";
import { outcome } from "./states.js";

const most = 60;
/** How many of the first rows stand before the gap where there are more. */
const head = 20;
/** A silence is cut out where it is longer than all the rest. */
const cutWidth = 3.6;

/**
 * What happened, in order, as rows: `{ what, more, kind, from, to, outcome, worker, error, begins }`. `to` is null for a moment, and
 * `open` is set on what goes on.
 */
export function steps(job, trace, now) {
  const attempts = new Map(job.attempts.map((attempt) => [attempt.span_id, attempt]));
  const rows = [];
  const seen = new Map();
  for (const one of trace.spans) {
    const from = Date.parse(one.start);
    const to = one.end === null ? now : Date.parse(one.end);
    const word = one.attributes["messaging.operation.name"] ?? one.name.split(" ")[0];
    const attempt = attempts.get(one.span_id);
    if (attempt || word === "process") {
      const n = attempt?.number ?? one.attributes["spanq.job.attempt"];
      const again = seen.has(n);
      seen.set(n, true);
      const result = attempt?.outcome ?? (one.end === null ? null : one.status);
      rows.push({
        what: `attempt ${n}`, more: again ? "again" : n > job.max_retries ? `of ${job.max_retries + 1}` : "", kind: result === null ? "active" : result,
        from, to, open: one.end === null, outcome: result ?? "active", worker: attempt?.worker, error: one.status_message ?? attempt?.error,
      });
    } else if (word === "wait") {
      // Nothing runs while this does, so it begins what follows.
      rows.push({ what: "wait", more: "for a worker", kind: "wait", from, to, open: one.end === null, begins: true });
    } else if (word === "retry") {
      rows.push(...putOff(one, from, job));
    } else {
      rows.push({ what: word, more: event(job, word, from), kind: "at", from, to: null, error: one.attributes["spanq.job.reason"] ?? null });
    }
  }
  return rows;
}

function putOff(one, from, job) {
  const delay = one.attributes["spanq.job.retry_delay_seconds"];
  if (typeof delay !== "number") return [{ what: "put off", more: "", kind: "at", from, to: null }];
  return [{ what: "put off", more: "until the retry", kind: "off", from, to: from + delay * 1000, due: job.state === "retrying" && Math.abs(from + delay * 1000 - Date.parse(job.run_at)) < 2 }];
}

function event(job, word, at) {
  const found = job.events.find((one) => one.event === word && Math.abs(Date.parse(one.at) - at) < 2);
  return found?.by ? `by ${found.by}` : "";
}

/** Where moments are, in per cent of the drawing; a long silence between them is cut to a narrow band. */
export function scale(rows, now) {
  const start = Math.min(...rows.map(({ from }) => from));
  let end = Math.max(now, ...rows.map(({ from, to }) => to ?? from));
  // What ended long ago is not drawn up to now.
  const isOver = rows.every(({ open, due }) => !open && !due);
  if (isOver) end = Math.max(...rows.map(({ from, to }) => Math.min(to ?? from, now)));
  const marks = [...new Set(rows.flatMap(({ from, to, kind }) => (kind === "dead" ? [from] : [from, Math.min(to ?? from, end)])))].sort((a, b) => a - b);
  const busy = rows.filter(({ to }) => to !== null);
  let cut = null;
  for (let index = 1; index < marks.length; index++) {
    const gap = [marks[index - 1], marks[index]];
    const quiet = busy.every(({ from, to }) => to <= gap[0] || from >= gap[1]);
    if (quiet && gap[1] - gap[0] > 2 * (end - start - (gap[1] - gap[0])) && gap[1] - gap[0] > 60_000 && (!cut || gap[1] - gap[0] > cut[1] - cut[0])) cut = gap;
  }
  const shown = Math.max(1, end - start - (cut ? cut[1] - cut[0] : 0));
  const width = cut ? 100 - cutWidth - 4 : 98;
  const place = (moment) => {
    if (!cut || moment <= cut[0]) return ((moment - start) / shown) * width;
    if (moment < cut[1]) return ((cut[0] - start) / shown) * width + 2;
    return ((moment - start - (cut[1] - cut[0])) / shown) * width + cutWidth + 2;
  };
  return { start, end, shown, cut, cutAt: cut ? place(cut[0]) + 1 : null, place, isOver };
}

const per = (value) => `${value.toFixed(2)}%`;

function ticks(scale) {
  const raw = scale.shown / (scale.cut ? 9 : 5);
  const nice = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 20e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1200e3, 1800e3, 3600e3, 7200e3, 14400e3, 28800e3, 86400e3].find((step) => step >= raw) ?? 86400e3 * Math.ceil(raw / 86400e3);
  const last = scale.cut ? scale.cut[0] : scale.end;
  const list = [];
  for (let at = 0; scale.start + at <= last && list.length < 12; at += nice) list.push({ x: scale.place(scale.start + at), text: at === 0 ? "0" : span(at).replace(/\.0+(?= )/, "").replace(/(\.\d)0(?= )/, "$1") });
  if (scale.cut) list.push({ x: scale.place(scale.cut[1]), text: at(scale.cut[1] - scale.start).slice(1) });
  return list;
}

function drawing(step, scale, grid, now, height = 24) {
  const parts = [...grid.map(({ x }) => h("line", { class: "gl", x1: per(x), x2: per(x), y1: 0, y2: "100%" }))];
  if (scale.cut) {
    parts.push(
      h("rect", { class: "b-cut", x: per(scale.cutAt), width: per(cutWidth), height: "100%" }),
      h("svg", { x: per(scale.cutAt), width: 6, height: "100%" }, h("rect", { width: 6, height: "100%", fill: "url(#zig)" })),
      h("svg", { x: per(scale.cutAt + cutWidth), width: 6, height: "100%", class: "ov" }, h("rect", { x: -6, width: 6, height: "100%", fill: "url(#zag)" })));
  }
  if (!scale.isOver) {
    const x = scale.place(now);
    if (x < 99) parts.push(h("rect", { class: "ahead", x: per(x), width: per(100 - x), height: "100%" }));
    parts.push(h("line", { class: "b-now", x1: per(x), x2: per(x), y1: 0, y2: "100%" }));
  }
  if (step) parts.push(...mark(step, scale, now));
  return h("svg", { class: "chart", width: "100%", height, "aria-hidden": "true" }, parts);
}

function mark(step, scale) {
  const x = scale.place(step.from);
  if (step.to === null) return [h("line", { class: "b-at", x1: per(x), x2: per(x), y1: 3, y2: 21 })];
  const end = scale.place(Math.min(step.to, scale.end));
  // Anything shorter than 4 px is 4 px.
  const bar = (kind, y, height, fill) => [
    h("rect", { class: kind, x: per(x), y, width: per(Math.max(0, end - x)), height, rx: height > 6 ? 2 : null, fill }),
    end - x < 1 && h("svg", { x: per(x), width: 4, height: 24 }, h("rect", { class: kind, y, width: 4, height, fill })),
  ];
  switch (step.kind) {
    case "off": return [h("line", { class: "b-off", x1: per(x), x2: per(Math.max(x, end)), y1: 12, y2: 12 })];
    case "wait": return bar("b-wait", 9, 6);
    case "lost": return bar("b-lost", 5, 14, "url(#hatch)");
    case "completed": case "active": return bar(`b-${step.kind}`, 5, 14);
    case "retried": case "buried": {
      const cap = step.kind === "buried" ? 6 : 3;
      const room = end - x > 2;
      return [...bar(`b-${step.kind}`, 5, 14), room && h("svg", { x: per(end), y: 5, width: 1, height: 14, class: "ov" }, h("rect", { class: "b-cap", x: -cap, width: cap, height: 14 }))];
    }
    default: return bar("b-wait", 5, 14);
  }
}

/** Where all the time went. */
function sums(rows) {
  const kinds = [["ran", ["completed", "retried", "buried", "cancelled", "released", "active"]], ["lost", ["lost"]], ["put off", ["off"]], ["waited for a worker", ["wait"]]];
  const swatch = {
    ran: [["completed", 0], ["retried", 7], ["buried", 14]].map(([kind, x]) => h("rect", { class: `b-${kind}`, x, y: 1, width: 8, height: 12 })),
    lost: h("rect", { class: "b-lost", x: 0.5, y: 1.5, width: 21, height: 11, rx: 2, fill: "url(#hatch)" }),
    "put off": h("line", { class: "b-off", x2: 22, y1: 7, y2: 7 }),
    "waited for a worker": h("rect", { class: "b-wait", y: 4, width: 22, height: 6 }),
  };
  return kinds.map(([label, members]) => {
    const found = rows.filter(({ kind, to }) => members.includes(kind) && to !== null);
    return found.length > 0 && h("li", {}, h("svg", { width: 22, height: 14, "aria-hidden": "true" }, swatch[label]), label === "ran" ? "ran, by outcome" : label, " ",
      h("b", {}, span(found.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0))));
  });
}

/** How far from the start, as `+2:32:05` beyond a minute. */
function at(ms) {
  if (ms <= 0) return "0";
  if (ms < 60_000) return `+${span(ms)}`;
  const s = Math.round(ms / 1000);
  const [hours, rest] = [Math.floor(s / 3600), s % 3600];
  const tail = `${String(Math.floor(rest / 60)).padStart(hours ? 2 : 1, "0")}:${String(rest % 60).padStart(2, "0")}`;
  return hours ? `+${number(hours)}:${tail}` : `+${tail}`;
}

/** The section *What happened*. */
export function waterfall(job, trace, now) {
  const all = steps(job, trace, now);
  if (all.length === 0) return null;
  const measure = scale(all, now);
  const grid = ticks(measure);
  const workers = [...new Set(all.map(({ worker }) => worker).filter(Boolean))];
  const name = (worker) => (worker ? `w${workers.indexOf(worker) + 1}` : "");
  const left = all.length > most ? all.length - most : 0;
  const shown = left ? [...all.slice(0, head), null, ...all.slice(head + left)] : all;
  const last = Math.min(measure.isOver ? measure.end : now, now);
  const nowAt = measure.place(now);
  return h("section", {},
    h("div", { class: "sh" }, h("h2", {}, "What happened"), h("span", { class: "f sm" }, `${span(last - measure.start)} since it was enqueued at ${clock(measure.start)}`)),
    h("ul", { class: "sum" }, sums(all), measure.cut && h("li", {}, "cut out ", h("b", {}, span(measure.cut[1] - measure.cut[0])))),
    h("div", { class: "sec tight" }, h("table", { class: "wf", role: "table" },
      h("caption", { class: "vh" }, "What happened, in order"),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
        ...[["What", "wh"], ["At", "n a z"], ["Took", "n tk z"]].map(([text, place]) => h("th", { role: "columnheader", class: place }, text)),
        h("th", { role: "columnheader", class: "br" }, h("span", { class: "vh" }, "Drawing"),
          h("svg", { class: "chart", width: "100%", height: 20, "aria-hidden": "true" },
            grid.filter(({ x }) => measure.isOver || Math.abs(x - nowAt) > 6).map(({ x, text }, index) => h("text", { class: index % 2 ? "od" : null, x: per(x), y: 14, "text-anchor": index === 0 ? "start" : "middle" }, text)),
            !measure.isOver && h("text", { class: "s", x: per(nowAt), y: 14, "text-anchor": nowAt > 94 ? "end" : "middle" }, "now"))),
        ...[["Outcome", "oc z"], ["On", "wk z"]].map(([text, place]) => h("th", { role: "columnheader", class: place }, text)))),
      h("tbody", { role: "rowgroup" }, shown.map((step) => {
        if (step === null) return row({ class: "g" }, cell("wh f", null, `${number(left)} more between`), cell("n a"), cell("n tk"), cell("br", null, drawing(null, measure, grid, now)), cell("oc"), cell("wk"));
        const isMain = step.worker !== undefined;
        const took = step.to === null ? "" : step.kind === "active" || step.open ? span(now - step.from) : span(step.to - step.from);
        return [
          row({ class: step.begins ? "g" : null },
            cell(isMain || step.kind === "at" ? "wh" : "wh q", null, isMain ? h("b", {}, step.what) : step.what, step.more && [" ", foreign(step.more, { class: "f" })]),
            cell("n a q", null, at(step.from - measure.start)),
            cell(isMain ? "n tk" : "n tk q", null, took),
            cell("br", null, drawing(step, measure, grid, now)),
            cell("oc", null, isMain ? outcome(step.outcome) : step.due ? h("span", { class: "q" }, step.to > now ? `in ${age(step.to - now)}` : "due") : ""),
            cell("wk f", null, name(step.worker))),
          step.error && row({ class: "e" }, cell("er", null, h("span", { class: "el m" }, "└ ", foreign(step.error))), cell("br", null, drawing(null, measure, grid, now, 18))),
        ];
      })))),
    workers.length > 0 && h("p", { class: "sm f" }, workers.map((worker, index) => [index > 0 && " · ", `w${index + 1} `, foreign(worker)])));
}

