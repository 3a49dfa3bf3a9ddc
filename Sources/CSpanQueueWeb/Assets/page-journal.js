import { h, icon, foreign, row, cell, table } from "./dom.js";
import { number, plural, shortID, time } from "./format.js";
import { get, path } from "./api.js";
import { empty, head, queueLink, refusal } from "./parts.js";
import { outcome } from "./states.js";

const pageSize = 50;
const members = ["by", "action", "queue", "target"];
/** What is done to one job. */
const ofJobs = ["redrive", "cancel", "bury", "remove", "show_payload", "show_result"];

/** Who did what: the record of what people did to jobs and queues. */
export function journal(query) {
  const filter = Object.fromEntries(members.map((name) => [name, query.get(name) ?? ""]));
  const cursor = query.get("cursor");
  const trail = Number(query.get("page") ?? 1);
  let page = null, problem = null;
  return {
    title: "Journal",
    nav: "/journal",
    async load() {
      try {
        page = (await get(path(["journal"], { ...filter, cursor, limit: pageSize }))).body;
        problem = null;
      } catch (error) {
        if (error.isOutage !== false) throw error;
        problem = error;
      }
    },
    view({ go }) {
      const title = head("Journal", h("span", { class: "f sm" }, "who did what, newest first"), [
        h("a", { class: "btn", href: `/api/v1${path(["journal", "lines"], filter)}`, "data-plain": true, download: "spanq-journal.jsonl" }, icon("i-down"), "Export"),
      ]);
      if (problem) return [title, refusal(problem, "page")];
      if (!page) return [title];
      const words = members.filter((name) => filter[name]);
      return [
        title,
        h("form", { class: "bar tight", role: "search", on: { submit: (event) => {
          event.preventDefault();
          const field = event.currentTarget.elements.words;
          const wanted = { ...filter };
          for (const word of field.value.split(/\s+/).filter(Boolean)) {
            const name = members.find((member) => word.startsWith(`${member}:`));
            wanted[name ?? "by"] = name ? word.slice(name.length + 1) : word;
          }
          field.value = "";
          go(path(["journal"], wanted));
        } } },
          words.map((name) => h("span", { class: "tok", key: name }, h("span", {}, name), foreign(filter[name], { class: "el" }),
            h("button", { type: "button", "aria-label": `Remove the filter ${name} ${filter[name]}`, on: { click: () => go(path(["journal"], { ...filter, [name]: "" })) } }, icon("i-x")))),
          h("input", { class: "in grow", name: "words", id: "filter", "aria-label": "Add a filter", placeholder: "by:ada*  action:pause  queue:mail  target:id", autocomplete: "off", spellcheck: "false" })),
        page.deeds.length === 0 ? nothing(words, page) : h("div", { class: "sec tight" }, table("Journal", "t jn",
          [["When", ""], ["Who", "k"], ["Did", ""], ["Queue", ""], ["To", "m"], ["Jobs", "n"], ["Outcome", ""], ["Why", "w"], ["By way of", "lo"]],
          page.deeds.map((deed) => row({ key: deed.id },
            cell("", "When", time(deed.at)),
            cell("k", null, h("a", { class: "el", href: path(["journal"], { ...filter, by: deed.by }), title: deed.address && `from ${deed.address}` }, foreign(deed.by))),
            cell("", "Did", foreign(deed.action)),
            cell("", "Queue", deed.queue ? queueLink(deed.queue) : "–"),
            cell("m", "To", deed.target ? to(deed) : "–"),
            cell("n", "Jobs", deed.count === null ? "–" : number(deed.count)),
            cell("", "Outcome", came(deed.outcome)),
            cell("w", "Why", (deed.error || deed.reason) && h("span", { class: "el q" }, foreign(deed.error ?? deed.reason))),
            cell("lo", "By way of", foreign(deed.role ? `${deed.via}, ${deed.role}` : deed.via)))))),
        h("div", { class: "more" },
          h("span", {}, page.deeds.length > 0 && `${plural(page.deeds.length, "action")} on page ${number(trail)}`, page.cursor === null && page.deeds.length > 0 && ", and that is all that is kept"),
          cursor && h("a", { class: "btn", href: path(["journal"], filter) }, "First page"),
          page.cursor !== null && h("a", { class: "btn", href: path(["journal"], { ...filter, cursor: page.cursor, page: trail + 1 }) }, "Next page")),
      ];
    },
  };
}

/** A job is a link; what is done to many has words. */
const to = ({ action, target, queue }) => (ofJobs.includes(action) ? h("a", { class: "f", href: path(["jobs", target], { queue }), title: target }, foreign(shortID(target))) : foreign(target));

function came(word) {
  if (word === "done") return outcome("completed", "done");
  if (word === "failed") return outcome("buried", "failed");
  return outcome("lost", "begun");
}

const nothing = (words, page) => (words.length > 0
  ? empty("No action matches", page.cursor === null ? "The whole journal was looked at." : "There are more: go on.")
  : empty("Nobody has done anything yet", "What people do to jobs and queues is written down here before it is done, from the command line too.", "spanq journal"));
