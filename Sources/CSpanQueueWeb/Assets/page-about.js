import { h, foreign } from "./dom.js";
import { number, offset, plural, skew, span, time } from "./format.js";
import { get, path, send } from "./api.js";
import { head, section, verdict, warn, well } from "./parts.js";

export function about() {
  let workers = [];
  return {
    title: "About",
    nav: "/about",
    async load() {
      workers = (await get(path(["workers"]))).body.workers;
    },
    view({ stats, session }) {
      const versions = [...new Set(workers.map(({ version }) => version))].sort();
      const ahead = skew();
      return [
        head("About"),
        ahead === 0 ? verdict(well(), "What you see is fresh, and the clocks agree.") : verdict(warn(), `The server's clock is ${span(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} this browser's.`, "Times here are the server's."),
        h("div", { class: "cols c11" },
          section("This server", null, facts([
            ["SpanQueue", foreign(session.version)],
            ["Address", foreign(location.host)],
            ["Interface", h("a", { href: "/api/v1/openapi.json", "data-plain": true }, "/api/v1/openapi.json")],
            ["Queues", number(stats.queues.length + stats.omitted_queues)],
            ["Workers", plural(stats.workers_alive, "live worker")],
            ["Their versions", versions.length > 0 ? versions.map((version, index) => [index > 0 && ", ", foreign(version)]) : "–"],
          ])),
          section("You", null, facts([
            ["Name", foreign(session.name)],
            ["Role", session.role ? foreign(session.role) : "none: there are no accounts here"],
            ["You may", session.scopes.length > 0 ? session.scopes.map((scope, index) => [index > 0 && ", ", foreign(scope)]) : "nothing"],
            ["In queues", session.queues === "*" ? "all" : foreign(session.queues)],
            session.until && ["Signed in", ["it ends ", time(session.until), " ", h("button", { class: "btn", type: "button", on: { click: leave } }, "Sign out")]],
            ["Your time", `${Intl.DateTimeFormat().resolvedOptions().timeZone}, ${offset()}`],
            ["Clocks", ahead === 0 ? "less than 2 s apart" : `${span(Math.abs(ahead))} apart`],
            ["Figures", "come by themselves, each second, while this page is in view"],
          ].filter(Boolean)))),
        h("div", { class: "keys" }, section("Keys", null, h("dl", { class: "kv" }, [
          ["g then o q j e t w l a", "overview, queues, jobs, errors, types, workers, journal, about"], [":", "go to a job, or search"], ["/", "filter"], ["j k", "next and previous row"], ["Enter", "open"],
          ["z", "hold what happens still"], ["u", "times as dates, or how long ago"], ["U", "local time or UTC"], ["R C X P", "redrive, cancel, remove, pause: capitals act, and each asks once"], ["Esc", "back out"],
        ].flatMap(([keys, text]) => [h("dt", {}, keys.split(" ").map((key) => (key === "then" ? " then " : [" ", h("kbd", {}, key)]))), h("dd", {}, text)])))),
      ];
    },
  };
}

const facts = (list) => h("dl", { class: "kv" }, list.flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]));

async function leave() {
  await send("DELETE", path(["session"]));
  location.assign("/login");
}
