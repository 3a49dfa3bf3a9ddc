// States and outcomes: a shape and a word beside each colour.

import { h, icon } from "./dom.js";

/** In the order in which a job goes through them, by where they are in its life. */
export const life = [
  ["To come", ["scheduled", "held", "ready", "retrying"]],
  ["Now", ["active"]],
  ["Ended", ["completed", "dead", "cancelled"]],
];
export const states = life.flatMap(([, members]) => members);

/** The signs of outcomes that are not states. */
const signs = { retried: "retrying", buried: "dead", lost: "lost", released: "released" };

const sign = (word) => signs[word] ?? (states.includes(word) ? word : null);

export const stateIcon = (word) => (sign(word) ? icon(`s-${sign(word)}`, `c-${sign(word)}`) : null);

/** The sign and the word of a state. */
export const state = (word, kind = "") => h("span", { class: `st ${kind}`.trim() }, stateIcon(word), word);

/** The sign and the word of how something ended. */
export const outcome = (word, text = word === "active" ? "runs" : word) => (word ? h("span", { class: "st" }, stateIcon(word), text) : "");

/** What became of a job: its sign and the word. */
const signsOfEvents = { started: "active", completed: "completed", snoozed: "scheduled", cancelled: "cancelled", cancel_requested: "cancelled", redriven: "ready", ...signs };
const wordsOfEvents = { started: "started", cancel_requested: "cancel asked" };
export const event = (word) => h("span", { class: "st" }, signsOfEvents[word] && icon(`s-${signsOfEvents[word]}`, `c-${signsOfEvents[word]}`), wordsOfEvents[word] ?? word);

/** What may be done to jobs: the button's label, in which states, and whether it can't be undone. */
export const deeds = {
  redrive: { label: "Redrive", states: ["scheduled", "retrying", "dead"], key: "R", done: "It is ready." },
  cancel: { label: "Cancel", states: ["scheduled", "held", "ready", "retrying", "active"], key: "C", done: "It is cancelled." },
  bury: { label: "Bury", states: ["scheduled", "held", "ready", "retrying"], done: "It is a dead letter." },
  remove: { label: "Remove", states: ["scheduled", "ready", "retrying", "completed", "dead", "cancelled"], key: "X", isFinal: true, done: "It is forgotten." },
};

/** The deed that fits a state best, for a row of a list; null where none does. */
export const mainDeed = (word) => ["redrive", "cancel"].find((deed) => deeds[deed].states.includes(word)) ?? null;
