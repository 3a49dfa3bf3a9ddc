// The frame of all pages: which one is shown, what it is told, keys, and how old what it shows is.

import { foreign, h, icon, update } from "./dom.js";
import { age, clock, isUTC, now, number, offset, shortID, tick, toggleAbsolute, toggleUTC } from "./format.js";
import { Problem, backoff, get, path } from "./api.js";
import { Feed } from "./feed.js";
import { record, recordDepth } from "./history.js";
import { Live } from "./live.js";
import { disarm, empty, head } from "./parts.js";
import { overview } from "./page-overview.js";
import { filterOf, isID, refine } from "./filter.js";

const main = document.getElementById("main");
let page = null;
/** Counts the pages shown, so that what came for another is not shown. */
let shown = 0;
let isLoaded = false;
const began = Date.now();
let stats = null;
let session = null;
const feed = new Feed();

/** The page of an address. */
function pageOf({ pathname, searchParams }) {
  let parts;
  try {
    parts = pathname.split("/").slice(1).map(decodeURIComponent);
  } catch {
    return missing();
  }
  const [kind, name] = parts;
  if (parts.length === 1) {
    switch (kind) {
      case "": return overview();
      case "queues": return lazy("Queues", "/queues", async () => (await import("./page-queues.js")).queues());
      case "jobs": return lazy("Jobs", "/jobs", async () => (await import("./page-jobs.js")).jobs(searchParams));
      case "types": return lazy("Types", "/types", async () => (await import("./page-types.js")).types(searchParams));
      case "errors": return lazy("Errors", "/errors", async () => (await import("./page-errors.js")).errors(searchParams));
      case "workers": return lazy("Workers", "/workers", async () => (await import("./page-workers.js")).workers());
      case "journal": return lazy("Journal", "/journal", async () => (await import("./page-journal.js")).journal(searchParams));
      case "about": return lazy("About", "/about", async () => (await import("./page-about.js")).about());
    }
  }
  if (parts.length === 2 && name !== "") {
    if (kind === "queues") return lazy(name, "/queues", async () => (await import("./page-queue.js")).queue(name));
    if (kind === "jobs") return lazy(shortID(name), "/jobs", async () => (await import("./page-job.js")).job(name, searchParams));
    if (kind === "errors") return lazy("Error", "/errors", async () => (await import("./page-errors.js")).errorGroup(name, searchParams));
  }
  return missing();
}

/** A page whose script is loaded when the page is first asked for. */
function lazy(title, nav, make) {
  let page = null;
  return {
    title,
    nav,
    get every() { return page?.every; },
    async load() {
      page ??= await make();
      await page.load();
    },
    hear: (event, data) => page?.hear?.(event, data),
    view: (context) => page.view(context),
  };
}

const missing = () => ({ title: "No such page", nav: "", async load() {}, view: () => [head("No such page"), empty("Nothing is at this address", h("span", {}, "It may be cut off or mistyped. Go to the ", h("a", { href: "/" }, "overview"), " or the ", h("a", { href: "/jobs" }, "jobs"), "."))] });

const context = () => ({ stats, session, feed, root: main, redraw: draw, reload: load, go, may: (scope) => session.scopes.includes(scope) });

function open(isNew) {
  shown++;
  page = pageOf(new URL(location.href));
  isLoaded = false;
  document.title = `${page.title} · SpanQueue`;
  update(main, head(page.title));
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.getAttribute("href") === page.nav) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.getElementById("nav").hidePopover?.();
  if (isNew) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  load();
}

function go(address) {
  window.history.pushState(null, "", address);
  open(true);
}

// What is asked for, and what is heard. Figures come by themselves; lists are asked for again when a figure has changed, which no list
// shows that was not read anew, and now and then all the same.

// Who may not come any more is told so by the next answer.
const live = new Live(hear, () => (live.problem?.status === 401 ? load() : tell()));
/** Between two loads, at least; after the last, at most; where there is no stream. */
const apart = 3000, longest = 15_000;
let loading = false, again = false, timer;
/** When the last answer came, what is wrong since, how often, and what the figures were. */
let loadedAt = null, problem = null, failures = 0, figures = "";

const sum = ({ jobs, totals }) => JSON.stringify([jobs, totals]);

async function load() {
  if (loading) return void (again = true);
  clearTimeout(timer);
  [loading, again] = [true, false];
  const [mine, asked] = [page, shown];
  try {
    session ??= (await get(path(["session"]))).body;
    const isHeard = live.asOf !== null && live.lostAt === null;
    const [answer] = await Promise.all([isHeard && stats ? null : get(path(["stats"])), mine.load()]);
    if (answer) take(answer.body);
    figures = sum(stats);
    loadedAt = Date.now();
    [problem, failures] = [null, 0];
    if (asked === shown) isLoaded = true;
  } catch (error) {
    // A mistake of these pages: the browser's console has it, and the next answer may do better.
    if (!(error instanceof Problem)) reportError(error);
    if (error.status === 401) location.replace(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    problem = error;
  }
  loading = false;
  tell();
  if (again) load();
  else if (!document.hidden) timer = setTimeout(load, problem ? backoff(failures++) : live.lostAt === null ? page.every ?? longest : apart);
}

function take(news) {
  stats = news;
  record(stats);
}

function hear(event, data) {
  if (event === "stats") take(data.stats);
  if (event === "depth") recordDepth(data.queues);
  if (event === "jobs") feed.add(data);
  page.hear?.(event, data);
  if (event === "reset" || live.isBack || (event === "stats" && sum(stats) !== figures && Date.now() - loadedAt >= apart)) load();
  if (event !== "jobs" || page.nav === "/") tell();
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : load()));

/** Tells how it stands: all is grey where there is no answer, and says since when. */
function tell() {
  frame();
  if (isLoaded) draw();
  else if (problem) update(main, head(page.title), empty("Nothing to show yet", h("span", {}, foreign(problem.message), " It is tried again and again.")));
}

function draw() {
  if (!isLoaded) return;
  update(main, page.view(context()));
}

/** What says how old the figures are, each second. */
function frame() {
  const since = live.lostAt !== null && (problem || loadedAt < live.lostAt) ? live.lostAt : live.asOf === null && problem ? loadedAt ?? began : null;
  const isLost = since !== null;
  const cause = live.problem ?? problem;
  const line = document.getElementById("lost");
  const sign = document.getElementById("live");
  line.hidden = !isLost;
  for (const part of [main, document.getElementById("nav")]) part.classList.toggle("stale", isLost);
  const asOf = Math.max(live.asOf ?? 0, loadedAt ?? 0) || null;
  if (isLost) {
    const next = Math.max(0, (live.nextAt ?? 0) - Date.now());
    update(line, icon("i-off"), h("b", {}, `${navigator.onLine === false ? "Offline" : cause.status === 0 ? "Not connected" : "Not up to date"} since ${clock(since)}.`), " ",
      cause.status !== 0 && h("span", {}, foreign(cause.message), " "),
      h("span", {}, asOf ? `These figures are ${age(Date.now() - asOf)} old. ` : "", next > 0 ? `Next try in ${age(next + 999)}.` : "Trying now."), " ",
      h("button", { class: "btn", type: "button", on: { click: () => { live.soon(); load(); } } }, "Try now"));
  }
  const old = asOf === null ? null : Date.now() - asOf;
  sign.className = isLost ? "live warn" : "live";
  if (isLost) update(sign, icon("i-off"), h("b", {}, old === null ? "no answer" : `as of ${age(old)} ago`));
  else if (old === null) update(sign, icon("i-live", "f"), "asking");
  else update(sign, icon("i-live", live.lostAt === null ? "good" : "f"), old > 5000 ? `as of ${age(old)} ago` : live.asOf === null || live.lostAt !== null ? "every 3 s" : "live");
  update(document.getElementById("clock"), clock(now()), " ", h("span", { class: "f" }, isUTC() ? "UTC" : offset()));
  document.getElementById("clock").setAttribute("aria-label", isUTC() ? "Times are UTC. Change to local time" : `Times are local, ${offset()}. Change to UTC`);
  if (stats) {
    trouble("/jobs", stats.jobs.dead, "s-dead", "c-dead");
    trouble("/queues", stats.queues.filter((one) => one.ready > 0 && one.workers_alive === 0 && !one.paused).length, "i-warn", "warn");
    update(document.getElementById("foot"), session ? `SpanQueue ${session.version}` : "", h("br"), h("kbd", {}, "?"), " keys");
  }
}

/** A count beside the name of a page means trouble. */
function trouble(address, count, sign, kind) {
  const link = document.querySelector(`#nav a[href="${address}"] span`);
  update(link, count > 0 && [icon(sign, kind), number(count)]);
}

// Moving about

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const address = new URL(link.href);
  if (address.origin !== location.origin || link.dataset.plain !== undefined || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(address.pathname + address.search);
});
addEventListener("popstate", () => open(true));

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = document.getElementById("find");
  const text = field.value.trim();
  field.value = "";
  field.blur();
  if (isID(text)) go(path(["jobs", text]));
  else if (text) go(path(["jobs"], refine(filterOf(new URLSearchParams()), text)));
});
document.getElementById("clock").addEventListener("click", () => { toggleUTC(); frame(); draw(); });

// Keys: small letters look and move, capitals are deeds.

const places = { o: "/", q: "/queues", j: "/jobs", e: "/errors", t: "/types", w: "/workers", l: "/journal", a: "/about" };
let pending = 0;

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
  if (event.target.matches?.("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (pending && Date.now() - pending < 1500 && places[event.key]) {
    pending = 0;
    event.preventDefault();
    go(places[event.key]);
    return;
  }
  pending = 0;
  switch (event.key) {
    case "g": pending = Date.now(); return;
    case ":": focus(event, document.getElementById("find")); return;
    case "/": focus(event, document.getElementById("filter") ?? document.getElementById("find")); return;
    case "?": go("/about"); return;
    case "Escape": disarm(); return;
    case "u": toggleAbsolute(); tick(document); draw(); return;
    case "z": feed.isFrozen = !feed.isFrozen; draw(); return;
    case "U": toggleUTC(); frame(); draw(); return;
    case "j": case "k": move(event.key === "j" ? 1 : -1); return;
  }
  if (event.repeat) return;
  // A deed of the page, or of the row in which the focus is.
  document.querySelector(`main [data-hotkey="${CSS.escape(event.key)}"]`)?.click();
});

function focus(event, field) {
  if (!field) return;
  event.preventDefault();
  field.focus();
}

/** To the name in the next or previous row of the first table, or of the one in which the focus is. */
function move(step) {
  const table = document.activeElement?.closest?.("table.t") ?? main.querySelector("table.t");
  const links = table ? [...table.querySelectorAll("tbody td.k a")] : [];
  const here = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  links[Math.min(links.length - 1, Math.max(0, here + step))]?.focus();
}

setInterval(() => {
  if (document.hidden) return;
  tick(document);
  frame();
}, 1000);

open(false);
frame();
