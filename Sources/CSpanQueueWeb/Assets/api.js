// The REST interface, and how far what is shown is behind it.

import { setSkew } from "./format.js";

const base = "/api/v1";
const patience = 10_000;

/** An answer that is none: what the server says is wrong. `status` is 0 where it does not answer. */
export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  /** Whether it may be over soon, and says nothing of what was asked. */
  get isOutage() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** A path of segments that may have anything in them, and a query. */
export function path(segments, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, one]));
  const text = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  return "/" + segments.map(encodeURIComponent).join("/") + (text ? `?${text}` : "");
}

/** The last answers that had a tag, for those are not sent again. */
const known = new Map();
const mostKnown = 64;

/** Reads a resource. The answer is `{ body, tag }`. */
export async function get(target) {
  const before = known.get(target);
  const response = await request("GET", target, before ? { "If-None-Match": before.tag } : {});
  if (response.status === 304 && before) return before;
  const tag = response.headers.get("ETag");
  const answer = { body: await response.json(), tag };
  known.delete(target);
  if (tag) known.set(target, answer);
  if (known.size > mostKnown) known.delete(known.keys().next().value);
  return answer;
}

/** Does something. With a tag, only if nothing has happened since the answer that had it. */
export async function send(method, target, body, tag) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  if (tag) headers["If-Match"] = tag;
  const response = await request(method, target, headers, body === undefined ? undefined : JSON.stringify(body));
  return response.status === 204 ? null : response.json();
}

/** Begins to read something that goes on until it is aborted. */
export const stream = (target, signal) => request("GET", target, {}, undefined, signal);

async function request(method, target, headers, body, signal = AbortSignal.timeout(patience)) {
  let response;
  const sent = Date.now();
  try {
    response = await fetch(base + target, {
      method, headers, body, cache: "no-store", credentials: "same-origin", redirect: "error", signal,
    });
  } catch {
    throw new Problem(0, "unavailable", "The server does not answer.");
  }
  noteClock(response.headers.get("Date"), sent);
  if (response.ok || response.status === 304) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, String(problem.code ?? ""), String(problem.detail ?? `The server answered ${response.status}.`));
}

/** Its `Date` has whole seconds, so less than two say nothing. */
function noteClock(date, sent) {
  const theirs = Date.parse(date ?? "");
  if (!Number.isFinite(theirs)) return;
  const ours = (sent + Date.now()) / 2;
  const ahead = theirs + 500 - ours;
  setSkew(Math.abs(ahead) < 2000 ? 0 : Math.round(ahead));
}

/** Any time up to half a second, doubled with each failure, and no more than 30 seconds. */
export const backoff = (failures, chance = Math.random()) => chance * Math.min(30_000, 500 * 2 ** Math.min(failures, 16));
