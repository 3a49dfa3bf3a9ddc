import { h, icon, foreign, row, cell, table } from "./dom.js";
import { number, plural, shortID, time } from "./format.js";
import { get, path } from "./api.js";
import { confirmed, copy, count, empty, head, jobPath, refusal } from "./parts.js";
import { deeds, mainDeed, state, stateIcon, states } from "./states.js";
import { act, look } from "./deeds.js";
import { Bulk } from "./bulk.js";
import { filterOf, isID, members, refine, single } from "./filter.js";

const pageSize = 50;
/** How many jobs that left the list are looked after at once. */
const mostLookedAfter = 10;

export function jobs(query) {
  const filter = filterOf(query);
  const cursor = query.get("cursor");
  const trail = Number(query.get("page") ?? 1);
  const seen = Number(query.get("seen") ?? 0);
  const target = path(["jobs"], { ...filter, cursor, limit: pageSize });
  const bulk = new Bulk();
  let page = null, rows = [], left = new Set(), fresh = [], problem = null;

  return {
    title: "Jobs",
    nav: "/jobs",
    async load() {
      try {
        await bulk.load();
        page = (await get(target)).body;
        problem = null;
      } catch (error) {
        if (error.isOutage !== false) throw error;
        problem = error;
        return;
      }
      const answered = new Map(page.jobs.map((job) => [keyOf(job), job]));
      if (rows.length === 0) rows = page.jobs;
      // Rows stay where they are: those that left are shown as they are now, and new ones wait until they are asked for.
      left = new Set(rows.filter((job) => !answered.has(keyOf(job))).map(keyOf));
      const away = await Promise.all(rows.filter((job) => left.has(keyOf(job))).slice(0, mostLookedAfter).map(async (job) => [keyOf(job), await look(job)]));
      const moved = new Map(away);
      rows = rows.map((job) => answered.get(keyOf(job)) ?? (moved.has(keyOf(job)) ? moved.get(keyOf(job)) ?? { ...job, isGone: true } : job));
      const here = new Set(rows.map(keyOf));
      fresh = page.jobs.filter((job) => !here.has(keyOf(job)));
    },
    view(context) {
      const { stats, may, go, reload } = context;
      const apply = (wanted) => go(path(["jobs"], wanted));
      const show = () => { rows = []; left = new Set(); fresh = []; reload(); };
      const counts = filter.queue ? stats.queues.find(({ name }) => name === filter.queue) : stats.jobs;
      return [
        head("Jobs", null, [
          (fresh.length > 0 || left.size > 0) && h("button", { class: "btn", type: "button", "data-hotkey": ".", on: { click: show } }, fresh.length > 0 ? `${number(fresh.length)} new, show` : `${number(left.size)} left, renew`, " ", h("kbd", {}, ".")),
          h("button", { class: "btn", type: "button", "data-hotkey": "y", on: { click: () => copy(location.href) } }, icon("i-copy"), "Copy link ", h("kbd", {}, "y")),
        ].filter(Boolean)),
        h("nav", { class: "tabs sec", "aria-label": "States" },
          h("a", { href: path(["jobs"], { ...filter, state: "" }), "aria-current": filter.state === "" ? "true" : null }, "all"),
          states.map((word) => h("a", { href: path(["jobs"], { ...filter, state: word }), "aria-current": filter.state === word ? "true" : null },
            stateIcon(word), word, counts ? h("span", { class: "q" }, count(counts[word])) : null))),
        h("form", { class: "bar tight", role: "search", on: { submit: (event) => {
          event.preventDefault();
          const field = event.currentTarget.elements.words;
          const text = field.value.trim();
          field.value = "";
          if (isID(text)) go(path(["jobs", text], { queue: filter.queue }));
          else if (text) apply(refine(filter, text));
        } } },
          tokens(filter, apply),
          h("input", { class: "in grow", name: "words", id: "filter", "aria-label": "Add a filter", placeholder: "type:charge:*  error:\"disk full\"  since:1h, or a job id", autocomplete: "off", spellcheck: "false" }),
          members.some((name) => filter[name].length > 0) && h("button", { class: "btn bare", type: "button", on: { click: () => go("/jobs") } }, "Clear")),
        problem ? refusal(problem, "queue") : page && rows.length === 0 ? nothing(filter, page) : list(rows, left, may, async (word, job) => { if (await act(word, job)) reload(); }),
        !problem && bulk.view(filter, context),
        page && !problem && foot(page, rows, filter, trail, cursor, seen, counts && totalOf(counts, filter.state)),
      ];
    },
  };
}

const keyOf = (job) => `${job.queue} ${job.id}`;

function tokens(filter, apply) {
  const token = (name, value, without) => h("span", { class: "tok", key: `${name} ${value}` }, h("span", {}, name), foreign(value, { class: "el" }),
    h("button", { type: "button", "aria-label": `Remove the filter ${name} ${value}`, on: { click: () => apply(without) } }, icon("i-x")));
  return [
    ...single.filter((name) => filter[name]).map((name) => token(name, filter[name], { ...filter, [name]: "" })),
    ...filter.tag.map((value) => token("tag", value, { ...filter, tag: filter.tag.filter((other) => other !== value) })),
  ];
}

function list(rows, left, may, act) {
  return h("div", { class: "sec tight" }, table("Jobs", "t jt", [["State", ""], ["Type", "k"], ["Job", "m"], ["Queue", "lo"], ["Attempt", "n an"], ["Last error", "w"], ["Enqueued", "n lo"], ["Next or ended", "n nx"], ["", "n e1"]],
    rows.map((job) => {
      const word = mainDeed(job.state);
      const name = shortID(job.id);
      return row({ key: keyOf(job), class: left.has(keyOf(job)) ? "left" : null },
        cell("", null, job.isGone ? h("span", { class: "st f" }, "gone") : state(job.state)),
        cell("k", null, h("a", { class: "el", href: jobPath(job) }, foreign(job.type))),
        cell("m", "Job", h("a", { class: "f", href: jobPath(job), title: job.id }, foreign(name))),
        cell("lo", "Queue", foreign(job.queue)),
        cell("n an", "Attempt", number(job.attempt), h("span", { class: "f" }, `/${number(job.max_retries + 1)}`)),
        cell("w", "Last error", job.last_error && h("span", { class: "el q" }, foreign(job.last_error.slice(0, 400)))),
        cell("n lo", "Enqueued", h("span", { class: "q" }, time(job.enqueued_at))),
        cell("n nx", "Next or ended", moment(job)),
        cell("n e1", null, word && !job.isGone && may("operate") && confirmed(word, {
          label: deeds[word].label, kind: "bare go", isSmall: true, sign: icon(word === "cancel" ? "i-x" : "i-play"),
          name: `${deeds[word].label} ${name}`, act: () => act(word, job),
        })));
    })));
}

/** When it runs next, or when it ended. */
function moment(job) {
  if ((job.state === "scheduled" || job.state === "retrying") && job.run_at) return time(job.run_at);
  if (job.state === "active" && job.attempts.length > 0) return [h("span", { class: "f" }, "since "), time(job.attempts.at(-1).started_at)];
  const ends = [...job.attempts.map(({ ended_at: at }) => at), ...job.events.map(({ at }) => at)].filter(Boolean).sort();
  return ["completed", "dead", "cancelled"].includes(job.state) && ends.length > 0 ? time(ends.at(-1)) : "–";
}

function nothing(filter, page) {
  const words = [...["state", ...single].filter((name) => filter[name]).map((name) => `${name} ${filter[name]}`), ...filter.tag.map((tag) => `tag ${tag}`)];
  if (words.length === 0) return empty("There are no jobs", "A job appears here as soon as it is enqueued.", "spanq enqueue email:hello '{\"to\":\"ada@example.org\"}'");
  return empty("No job matches", h("span", {}, foreign(words.join(", ")), ". ", page.cursor === null ? `${plural(page.scanned, "job")} ${page.scanned === 1 ? "was" : "were"} looked at, and that is all.` : `${plural(page.scanned, "job")} were looked at, and there are more: go on.`));
}

/** How many jobs there are in a state, or in all. */
const totalOf = (counts, state) => (state ? counts[state] ?? 0 : states.reduce((sum, word) => sum + (counts[word] ?? 0), 0));

/** How far the search has come: what it has looked at, on this page and those before, of what there is. */
function foot(page, rows, filter, trail, cursor, seen, total) {
  const looked = seen + page.scanned;
  return h("div", { class: "more" },
    h("span", { "data-key": "looked" }, rows.length > 0 && `${plural(rows.length, "job")} on page ${number(trail)}; `, `looked at ${number(looked)}`, page.cursor !== null && total > looked && ` of ${number(total)}`, page.cursor === null && ", and that is all"),
    cursor && h("a", { class: "btn", href: path(["jobs"], filter) }, "First page"),
    page.cursor !== null && h("a", { class: "btn", href: path(["jobs"], { ...filter, cursor: page.cursor, page: trail + 1, seen: looked }) }, rows.length === 0 ? "Go on" : "Next page"),
    h("span", { class: "sp" }),
    h("span", { class: "f keys" }, h("kbd", {}, "j"), " ", h("kbd", {}, "k"), " move"), h("span", { class: "f keys" }, h("kbd", {}, "Enter"), " open"), h("span", { class: "f keys" }, h("kbd", {}, "/"), " filter"));
}
