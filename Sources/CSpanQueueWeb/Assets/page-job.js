import { h, icon, foreign, outside } from "./dom.js";
import { clock, now, number, plural, shortID, span, time } from "./format.js";
import { get, path } from "./api.js";
import { bad, confirmed, copy, head, queueLink, refusal, section, verdict } from "./parts.js";
import { deeds, outcome, state, stateIcon } from "./states.js";
import { act } from "./deeds.js";
import { waterfall } from "./waterfall.js";

export function job(id, query) {
  const where = { queue: query.get("queue") };
  let job = null, tag = null, trace = null, traceTag = null, explained = null, problem = null;
  /** What was asked for of what the job carries: the answer, or what is wrong with it. */
  const carried = { payload: null, result: null };

  const reveal = async (member, redraw) => {
    if (carried[member]) {
      carried[member] = null;
    } else {
      try {
        const { body } = await get(path(["jobs", id, member], where));
        carried[member] = { text: body[member], base64: body[`${member}_base64`] };
      } catch (error) {
        carried[member] = { problem: error.message };
      }
    }
    redraw();
  };

  return {
    title: shortID(id),
    nav: "/jobs",
    // Its progress is told to nobody.
    get every() { return job?.state === "active" ? 3000 : 15_000; },
    async load() {
      try {
        const answer = await get(path(["jobs", id], where));
        // A trace that has come to rest is that of the same record; one that goes on grows by itself.
        if (answer.tag === null || answer.tag !== traceTag) trace = (await get(path(["jobs", id, "trace"], where))).body;
        explained = waiting.includes(answer.body.state) ? (await get(path(["jobs", id, "explain"], where))).body : null;
        [job, tag, traceTag, problem] = [answer.body, answer.tag, answer.tag, null];
      } catch (error) {
        if (error.isOutage !== false) throw error;
        problem = error;
      }
    },
    view({ may, redraw, reload, session }) {
      const crumbs = (name) => [h("a", { class: "f", href: "/jobs" }, "Jobs"), " / ", foreign(name)];
      if (problem) return [head(crumbs(shortID(id))), refusal(problem, "job")];
      if (!job) return [head(crumbs(shortID(id)))];
      const doIt = (word) => async () => { await act(word, job, tag); reload(); };
      const buttons = Object.entries(deeds).filter(([word, { states }]) => states.includes(job.state) && may(word === "remove" ? "admin" : "operate") && !(word === "cancel" && job.cancel_requested))
        .map(([word, { label, key, isFinal }], index) => confirmed(word, { label, kind: isFinal ? "dng" : index === 0 && word === "redrive" ? "pri" : "", key, act: doIt(word) }));
      return [
        head(crumbs(job.type), [state(job.state, "pill"), h("span", { class: "m f", title: job.id }, foreign(shortID(job.id)))], buttons),
        judge(job, explained),
        trace && h("div", { key: "waterfall" }, waterfall(job, trace, now())),
        h("div", { class: "cols c32" },
          h("div", {},
            job.attempts.length > 0 && section("Attempts", "newest first", h("ul", { class: "li" }, [...job.attempts].reverse().map((one) => attempt(one, job)))),
            may("payload") && carry("payload", "Payload", carried, () => reveal("payload", redraw)),
            may("payload") && job.state === "completed" && carry("result", "Result", carried, () => reveal("result", redraw))),
          h("div", {},
            explained && why(explained, job),
            job.events.length > 0 && section("What people did", null, h("ul", { class: "li" }, job.events.map((event) => h("li", {}, h("b", {}, foreign(event.event)), event.by && [" by ", foreign(event.by)], " ", time(event.at), event.reason && h("p", { class: "q" }, foreign(event.reason)))))),
            facts(job, session))),
      ];
    },
  };
}

/** The states in which it does not run and may yet. */
const waiting = ["scheduled", "held", "ready", "retrying"];

/** Reasons that are as it should be. */
const onTime = ["next", "not_due", "retry_delay", "behind"];

/** What keeps it, the binding reason first, as the server judges; and what to type. */
function why({ reasons }, { state }) {
  const command = reasons.find(({ command }) => command !== null)?.command;
  return h("section", { key: "why" },
    h("div", { class: "sh" }, h("h2", {}, "Why it is not running")),
    h("ul", {}, reasons.map(({ code, detail }, index) => h("li", { class: "note", key: code }, onTime.includes(code) ? stateIcon(state) : icon("i-warn", "warn"), index === 0 ? h("b", {}, foreign(detail)) : foreign(detail)))),
    command && [
      h("div", { class: "sh sm q" }, "On the command line", h("span", { class: "r" }, h("button", { class: "btn bare", type: "button", on: { click: () => copy(command) } }, icon("i-copy"), "Copy"))),
      h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": "Command" }, foreign(command))]);
}

function judge(job, explained) {
  const last = job.attempts.at(-1);
  const of = `attempt ${number(job.attempt)} of ${number(job.max_retries + 1)}`;
  const error = job.last_error && ["The last error: ", foreign(job.last_error.slice(0, 300)), job.error_fingerprint && [" ", h("a", { href: path(["errors", job.error_fingerprint], { queue: job.queue }) }, "All that fail of it")]];
  const sign = stateIcon(job.state);
  switch (job.state) {
    case "scheduled": return verdict(sign, ["It runs ", time(job.run_at), "."], null);
    case "held": return verdict(sign, "It is held back.", null);
    case "ready": return verdict(sign, explained?.reasons.length > 0 ? ["It waits: ", foreign(explained.reasons[0].detail), "."] : "It waits for a worker.", ["In queue ", queueLink(job.queue), ", priority ", number(job.priority), "."]);
    case "active": return verdict(sign, job.cancel_requested ? "It was asked to stop, and still runs." : job.progress ? `It runs: ${Math.round(job.progress.fraction * 100)} per cent done.` : `It runs: ${of}.`,
      [last && ["For ", span(now() - Date.parse(last.started_at)), " on ", foreign(last.worker), ". "], job.progress?.note && foreign(job.progress.note)]);
    case "retrying": return verdict(sign, ["It runs again ", time(job.run_at), `: attempt ${number(job.attempt + 1)} of ${number(job.max_retries + 1)}.`], error);
    case "completed": return verdict(sign, last ? `It was completed by attempt ${number(last.number)}.` : "It was completed.", last && ["It ran for ", span(Date.parse(last.ended_at) - Date.parse(last.started_at)), " on ", foreign(last.worker), "."]);
    case "dead": return verdict(bad(), [`It is dead after ${plural(job.attempts.length, "attempt")}`, job.reason && [": ", foreign(job.reason)], "."], error ?? "It runs again when somebody redrives it.");
    case "cancelled": return verdict(sign, ["It was cancelled", job.reason && [": ", foreign(job.reason)], "."], null);
    default: return verdict(null, "This version can't tell its state.", null);
  }
}

function attempt(one, job) {
  const took = Date.parse(one.ended_at ?? "") - Date.parse(one.started_at);
  return h("li", { key: one.span_id }, h("details", {},
    h("summary", {}, outcome(one.outcome ?? "active"), h("b", {}, `attempt ${number(one.number)} of ${number(job.max_retries + 1)}`), h("span", { class: "el q" }, one.error && foreign(one.error.slice(0, 400))),
      h("span", { class: "n" }, span(one.ended_at ? took : now() - Date.parse(one.started_at))), icon("i-down", "ch f")),
    one.error && h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": `Error of attempt ${one.number}` }, one.error_type && [h("b", {}, foreign(one.error_type)), "\n"], foreign(one.error)),
    h("p", { class: "row sm q" }, h("span", {}, "on ", foreign(one.worker)), h("span", {}, `from ${clock(Date.parse(one.started_at))}`), h("span", { class: "m" }, `span ${one.span_id}`))));
}

/** Shown when it is asked for, byte by byte as it is: never read as JSON, which would change large numbers. */
function carry(member, title, carried, toggle) {
  const found = carried[member];
  const text = found?.text ?? null;
  return h("section", { key: member },
    h("div", { class: "sh" }, h("h2", {}, title), found && !found.problem && h("span", { class: "f sm" }, text !== null ? `${plural(new TextEncoder().encode(text).length, "byte")}, as it is` : found.base64 ? "bytes that are no text, in base64" : "none"),
      h("span", { class: "r sm row" }, found && text !== null && h("button", { class: "btn bare", type: "button", on: { click: () => copy(text) } }, icon("i-copy"), "Copy"),
        h("button", { class: "btn bare", type: "button", "aria-expanded": String(found !== null), on: { click: toggle } }, found ? "Hide" : "Show"))),
    found?.problem && h("p", { class: "bad" }, foreign(found.problem)),
    found && !found.problem && (text ?? found.base64) && h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": title }, foreign(text ?? found.base64)));
}

function facts(job, session) {
  const list = [
    ["Job", h("span", { class: "m" }, foreign(job.id))],
    ["Queue", [queueLink(job.queue), job.priority > 0 && `, priority ${job.priority}`]],
    ["Enqueued", time(job.enqueued_at)],
    job.state !== "completed" && job.run_at && ["Due", time(job.run_at)],
    ["Attempts", [`${number(job.attempt)} of ${number(job.max_retries + 1)}`, job.timeout && `; each may take ${job.timeout}`, job.reclaims > 0 && `; lost ${plural(job.reclaims, "worker")}`]],
    job.deadline && ["Deadline", time(job.deadline)],
    job.state === "active" && job.worker && ["Worker", foreign(job.worker)],
    job.state === "active" && job.lease_expires_at && ["Lease", ["runs out ", time(job.lease_expires_at)]],
    job.retention && ["Kept", job.retention],
    ["Tags", job.tags.length > 0 ? job.tags.map((tag, index) => [index > 0 && ", ", h("a", { href: path(["jobs"], { tag }) }, foreign(tag))]) : "none"],
    ["Lock", job.unique ? `unique ${job.unique}` : "none"],
    ["Trace", [h("span", { class: "m" }, foreign(job.trace_id)), " ", outside(session.trace_url, "trace_id", job.trace_id, "Open the trace")]],
  ].filter(Boolean);
  return section("Facts", null, h("dl", { class: "kv" }, list.flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)])));
}
