// What happens, as it happens: one stream of events for all tabs of a browser.

import { Problem, backoff, path, stream } from "./api.js";

/** Takes a stream of server-sent events apart: what comes in pieces goes out as frames `{ id, event, data }`. */
export class Parser {
  constructor() {
    this.rest = "";
  }

  push(text) {
    const blocks = (this.rest + text).split("\n\n");
    this.rest = blocks.pop();
    return blocks.flatMap((block) => {
      const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      return fields.has("event") ? [{ id: fields.get("id"), event: fields.get("event"), data: JSON.parse(fields.get("data")) }] : [];
    });
  }
}

/**
 * One tab leads: it reads the stream, and passes on what it hears. Which one, the browser's locks decide, so that another takes over as
 * soon as it is gone. A tab that nobody looks at reads nothing after a minute.
 */
export class Live {
  /** Then a page is hidden for good, and a connection is dead. The server says something every 15 seconds. */
  static hidden = 60_000;
  static silence = 25_000;
  static health = 30_000;

  /** `hear` is told of each frame, `tell` of each change of the state. */
  constructor(hear, tell) {
    this.hear = hear;
    this.tell = tell;
    this.failures = 0;
    /** When the last frame came, since when there is no stream, why, and when it is tried next. */
    this.asOf = null;
    this.lostAt = null;
    this.problem = null;
    this.nextAt = null;
    this.last = new Map();
    this.tabs = new BroadcastChannel("spanqueue");
    this.tabs.onmessage = ({ data }) => this.receive(data);
    document.addEventListener("visibilitychange", () => this.look());
    addEventListener("online", () => this.soon());
    addEventListener("pagehide", () => this.stop());
    addEventListener("pageshow", () => this.look());
    this.look();
  }

  look() {
    clearTimeout(this.hiding);
    if (document.hidden) this.hiding = setTimeout(() => this.stop(), Live.hidden);
    else if (!this.wish) this.begin();
    else this.soon();
  }

  stop() {
    this.wish?.abort();
    this.wish = null;
  }

  /** Leads where nobody does, else follows until then. */
  begin() {
    const wish = this.wish = new AbortController();
    const lead = () => this.lead(wish.signal);
    // Locks are for pages that came by a safe way; others each have a stream of their own.
    if (navigator.locks) navigator.locks.request("spanqueue", { signal: wish.signal }, lead).catch(() => {});
    else lead();
    this.tabs.postMessage({ ask: true });
  }

  async lead(signal) {
    this.leads = true;
    while (!signal.aborted) {
      const since = Date.now();
      try {
        await this.read(signal);
        // It ends by itself after a quarter of an hour, and begins again at once.
        if (Date.now() - since < 1000) throw new Problem(0, "unavailable", "The server ends the stream at once.");
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof Problem)) reportError(error);
        if (Date.now() - since > Live.health) this.failures = 0;
        const wait = backoff(this.failures++);
        this.say({ problem: { status: error.status ?? 0, message: error.message }, lostAt: this.lostAt ?? Date.now(), nextAt: Date.now() + wait });
        // It will be refused again; who may come is told by what else is asked for.
        if (error.status === 401 || error.status === 403) break;
        await new Promise((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, wait);
          signal.addEventListener("abort", resolve);
        });
      }
    }
    this.leads = false;
  }

  /** Reads one stream to its end, which comes after a quarter of an hour, or throws. */
  async read(signal) {
    const own = new AbortController();
    const give = () => own.abort();
    signal.addEventListener("abort", give);
    let timer;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(give, Live.silence);
    };
    try {
      watch();
      const response = await stream(path(["events"], { last_event_id: this.lastID }), own.signal);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new Parser();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        watch();
        for (const frame of parser.push(value)) {
          this.lastID = frame.id;
          this.say({ frame });
        }
      }
    } catch (error) {
      throw error instanceof Problem ? error : new Problem(0, "unavailable", "The server does not answer.");
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", give);
    }
  }

  /** To the other tabs and to this one. */
  say(message) {
    this.tabs.postMessage(message);
    this.receive(message);
  }

  receive({ frame, problem, lostAt, nextAt, ask, hurry }) {
    if (frame) {
      this.asOf = Date.now();
      this.isBack = this.lostAt !== null;
      this.lostAt = this.problem = this.nextAt = null;
      if (frame.event !== "jobs") this.last.set(frame.event, frame);
      this.hear(frame.event, frame.data);
    } else if (problem) {
      Object.assign(this, { problem, lostAt, nextAt });
      this.tell();
    } else if (ask && this.leads) {
      for (const event of ["stats", "depth", "workers"]) if (this.last.has(event)) this.tabs.postMessage({ frame: this.last.get(event) });
      if (this.problem) this.tabs.postMessage({ problem: this.problem, lostAt: this.lostAt, nextAt: this.nextAt });
    } else if (hurry && this.leads) this.wake?.();
  }

  /** Tries again now, whichever tab it is that tries. */
  soon() {
    if (this.lostAt !== null) this.say({ hurry: true });
  }
}
