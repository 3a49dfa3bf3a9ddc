// What attempts failed of, by groups of errors that are alike.

import { h, foreign, row, cell, table } from "./dom.js";
import { now, number, plural, shortID, time } from "./format.js";
import { get, path } from "./api.js";
import { bad, empty, head, jobPath, measure, queueLink, refusal, section, verdict, well } from "./parts.js";
import { state } from "./states.js";
import { Bulk } from "./bulk.js";

const recent = 3_600_000;
/** How many jobs of a group are shown of each state. */
const sample = 20;

const key = (group) => `${group.queue} ${group.fingerprint ?? "other"}`;
const groupPath = (group) => path(["errors", group.fingerprint], { queue: group.queue });

export function errors(query) {
  const [queue, type] = [query.get("queue") ?? "", query.get("type") ?? ""];
  let page = { errors: [], more: 0 };
  return {
    title: "Errors",
    nav: "/errors",
    async load() {
      page = (await get(path(["errors"], { queue, type, limit: 200 }))).body;
    },
    view() {
      const groups = page.errors.filter(({ fingerprint }) => fingerprint !== null);
      const fresh = groups.filter((group) => now() - Date.parse(group.first_seen) < recent);
      const where = [queue && ["queue ", foreign(queue)], type && ["type ", foreign(type)]].filter(Boolean);
      if (page.errors.length === 0) return [head("Errors"), empty("No errors", where.length > 0 ? h("span", {}, "No attempt has failed in ", where, " that a worker told of.") : "No attempt has failed that a worker told of. Workers tell of errors every ten seconds.", null, well())];
      return [
        head("Errors", where.length > 0 && h("span", { class: "q" }, where)),
        fresh.length > 0
          ? verdict(bad(), fresh.length === 1 ? "One error is new within the last hour." : `${number(fresh.length)} errors are new within the last hour.`, h("span", {}, "The first of them: ", foreign(fresh.at(-1).message)))
          : verdict(well(), "No error is new within the last hour.", `The newest was first seen ${groups.length > 0 ? "earlier" : "long ago"}; those below go on or have ended.`),
        h("div", { class: "sec tight" }, table("Errors", "t", [["Error", "k"], ["Job type", "w3"], ["Attempts", "n"], ["First", "n lo"], ["Last", "n"], ["Version", "lo"]], page.errors.map(line))),
        h("div", { class: "more" },
          h("span", {}, plural(page.errors.length, "group"), page.more > 0 && ` of ${number(page.errors.length + page.more)}`),
          h("span", { class: "f" }, "‹n›, ‹id›, ‹text› and ‹path› stand for what differs from one to the next")),
      ];
    },
  };
}

function line(group) {
  const isRest = group.fingerprint === null;
  const isNew = !isRest && now() - Date.parse(group.first_seen) < recent;
  return row({ key: key(group) },
    cell("k", null, isRest ? h("span", { class: "w2" }, "others, seen long ago") : h("a", { class: "w2", href: groupPath(group), title: group.message }, foreign(group.message || "(no text)")),
      h("span", { class: "f sm" }, isNew && [h("b", { class: "bdg" }, "new"), " "], foreign(group.error_type))),
    cell("w3", null, foreign(group.type), " ", h("br"), h("span", { class: "f sm" }, queueLink(group.queue))),
    cell("n", "Attempts", h("b", {}, number(group.count))),
    cell("n lo", "First", time(group.first_seen)),
    cell("n", "Last", time(group.last_seen)),
    cell("lo", "Version", foreign(group.version)));
}

export function errorGroup(fingerprint, query) {
  const queue = query.get("queue") ?? "";
  let group = null, lists = [], problem = null;
  const bulks = new Map(["dead", "retrying"].map((word) => [word, new Bulk()]));
  return {
    title: "Error",
    nav: "/errors",
    async load() {
      try {
        group = (await get(path(["errors", fingerprint], { queue }))).body;
        problem = null;
      } catch (error) {
        if (error.isOutage !== false) throw error;
        problem = error;
        return;
      }
      await Promise.all([...bulks.values()].map((bulk) => bulk.load()));
      lists = await Promise.all(["dead", "retrying"].map(async (word) => [word, (await get(path(["jobs"], { queue: group.queue, state: word, fingerprint, limit: sample }))).body]));
    },
    view(context) {
      if (problem) return [head("Error"), refusal(problem, "error")];
      const shown = lists.reduce((sum, [, page]) => sum + page.jobs.length, 0);
      return [
        head("Error"),
        verdict(bad(), foreign(group.message || "(no text)"), h("span", {}, foreign(group.error_type), " of ", foreign(group.type), " in ", queueLink(group.queue))),
        h("dl", { class: "strip" },
          measure("Attempts", number(group.count), { note: "that ended in it" }),
          measure("First seen", time(group.first_seen)),
          measure("Last seen", time(group.last_seen)),
          measure("Version", foreign(group.version), { note: "of the worker that told of it last" })),
        shown === 0 && empty("No job stands with it now", "Those that failed of it have been tried again, or are no longer kept."),
        lists.filter(([word, page]) => page.jobs.length > 0 || bulks.get(word).action).map(([word, page]) => jobsOf(word, page, { queue: group.queue, fingerprint }, bulks.get(word), context)),
      ];
    },
  };
}

function jobsOf(word, page, filter, bulk, context) {
  return section(h("span", {}, state(word)), null,
    table(`${word} jobs`, "t", [["Job", "k m"], ["Error", "w"], ["Attempt", "n"], ["Enqueued", "n"]], page.jobs.map((job) => row({ key: job.id },
      cell("k m", null, h("a", { href: jobPath(job), title: job.id }, foreign(shortID(job.id)))),
      cell("w", "Error", h("span", { class: "el q" }, foreign((job.last_error ?? "").slice(0, 400)))),
      cell("n", "Attempt", `${number(job.attempt)}/${number(job.max_retries + 1)}`),
      cell("n", "Enqueued", time(job.enqueued_at))))),
    h("div", { class: "more" }, h("a", { href: path(["jobs"], { ...filter, state: word }) }, page.complete ? `${plural(page.jobs.length, "job")}: see them as a list` : `${plural(page.jobs.length, "job")} and more: see all`)),
    bulk.view({ ...filter, state: word }, context));
}
