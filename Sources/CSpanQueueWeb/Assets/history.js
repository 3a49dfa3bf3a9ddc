// What the queues' figures were: while these pages have been open, and before that as workers have told.

const window = 15 * 60_000;
/** Over how long a rate is taken. */
const span = 30_000;
/** How far samples are apart, at least. */
const apart = 2500;
/** The name under which the sums of all queues are kept; no queue can have it. */
export const all = "";

/** Samples by queue: when; ready and dead then, and the oldest; enqueued, completed, dead and ended in any way up to then. */
const samples = new Map();

export function record(stats, at = Date.now()) {
  if (at - (of(all).at(-1)?.at ?? 0) < apart) return;
  add(all, { jobs: stats.jobs, totals: stats.totals, oldest: oldest(stats.queues) }, at);
  for (const queue of stats.queues) {
    add(queue.name, { jobs: queue, totals: queue.totals, oldest: queue.oldest_ready_age_seconds }, at);
  }
}

/** The greatest age of a ready job, in seconds; null where none is ready. */
export const oldest = (queues) =>
  queues.reduce((most, { oldest_ready_age_seconds: age }) => (age === null ? most : Math.max(most ?? 0, age)), null);

function add(name, { jobs, totals, oldest }, at) {
  if (!samples.has(name)) samples.set(name, []);
  const list = samples.get(name);
  list.push({
    at, ready: jobs.ready, deadNow: jobs.dead, oldest, enqueued: totals.enqueued, completed: totals.completed, dead: totals.dead,
    // A dead letter that is redriven has left the queue more than once.
    ended: totals.completed + totals.dead + totals.cancelled,
  });
  while (list[0].at < at - window) list.shift();
}

/** Ready jobs by priority, of all queues: when, and how many in each of these bands. */
export const bands = [["7 to 9", 7, "p9"], ["4 to 6", 4, "p5"], ["1 to 3", 1, "p1"], ["none", 0, "p0"]];
export const depths = [];

export function recordDepth(queues, at = Date.now()) {
  const levels = queues.reduce((sums, { ready }) => sums.map((sum, level) => sum + ready[level]), Array(10).fill(0));
  depths.push({ at, ready: bands.map(([, from], index) => levels.slice(from, index === 0 ? 10 : bands[index - 1][1]).reduce((sum, count) => sum + count, 0)) });
  while (depths[0].at < at - window) depths.shift();
}

/** What workers have told of the last hour, by queue, and when that was asked for. */
const past = new Map();
/** Of each queue the ready jobs in that time: `[{ at, ready }]`. */
const told = new Map();
const fresh = 60_000;

/** Asks for it where it is not known, or old; a page does without where it can't be had. */
export async function recall(name, read) {
  if (Date.now() - (past.get(name)?.at ?? 0) < fresh) return;
  try {
    const { seconds, slots, queues } = await read();
    const list = slots.map((slot) => ({ ...slot, at: Date.parse(slot.at) + seconds * 1000, seconds }));
    past.set(name, { at: Date.now(), slots: list });
    for (const { name, ready } of queues ?? []) told.set(name, ready.map((ready, index) => ({ at: list[index].at, ready })));
  } catch (error) {
    // An engine that keeps none is not asked again.
    if (error.status === 501) past.set(name, { at: Infinity, slots: [] });
  }
}

/** The slots before the first sample of our own, by the moment at which each ends. */
export function before(name, first = of(name)[0]?.at ?? Date.now()) {
  return (past.get(name)?.slots ?? []).filter(({ at }) => at <= first);
}

/** As points of a chart, in which a minute without any is not a gap. */
export const pointsBefore = (name, value) => before(name).map((slot) => ({ x: slot.at, y: value(slot), gap: 150_000 }));

/**
 * How attempts ended and how long they took: `{ completed, dead, mean, isHour }`, the mean in seconds. In the last hour, as workers have
 * told; where they have not, since these pages were opened.
 */
export function lately() {
  const slots = past.get(all)?.slots ?? [];
  const attempts = (slot) => slot.completed + slot.retried + slot.dead + slot.other;
  const sum = (value) => slots.reduce((sum, slot) => sum + value(slot), 0);
  const total = sum(attempts);
  if (total === 0) return { completed: growth(all, "completed") ?? 0, dead: growth(all, "dead") ?? 0, mean: null, isHour: false };
  return { completed: sum((slot) => slot.completed), dead: sum((slot) => slot.dead), mean: sum((slot) => slot.process_seconds * attempts(slot)) / total, isHour: true };
}

/** Ready jobs of a queue for a small line: each minute of the last hour, or all that was seen where nothing was told: `{ values, since }`. */
export function trend(name) {
  const own = of(name);
  const first = own[0]?.at ?? Date.now();
  const points = (told.get(name) ?? []).filter(({ at, ready }) => at <= first && ready !== null);
  if (points.length === 0) return { values: own.map(({ ready }) => ready), since: "since this page was opened" };
  const all = [...points, ...own];
  const values = [];
  for (let at = Math.max(all[0].at, Date.now() - 3_600_000); at <= Date.now(); at += 60_000) values.push(all.findLast((point) => point.at <= at)?.ready ?? null);
  return { values: [...values, all.at(-1).ready], since: "in the last hour" };
}

export const of = (name) => samples.get(name) ?? [];

/** How fast a total grows, a second, over the last half minute; null where there are no two samples yet. */
export function rate(name, member, until = of(name).length - 1) {
  const list = of(name);
  let first = until;
  while (first > 0 && list[until].at - list[first - 1].at <= span + 1500) first--;
  if (until <= first) return null;
  const seconds = (list[until].at - list[first].at) / 1000;
  // A total that went back is another queue of the same name.
  return seconds > 0 ? Math.max(0, (list[until][member] - list[first][member]) / seconds) : null;
}

/** How much a total grew since these pages were opened. */
export function growth(name, member) {
  const list = of(name);
  return list.length < 2 ? null : Math.max(0, list.at(-1)[member] - list[0][member]);
}

/** How long the oldest may have waited before it matters that more arrive than leave. */
const patience = 5;

/** What becomes of a queue: `{ kind, value, isBad }`; null while that is not known. */
export function drain(queue) {
  if (queue.paused) return { kind: "paused" };
  if (queue.ready === 0) return { kind: "empty" };
  const [arrive, leave] = [rate(queue.name, "enqueued"), rate(queue.name, "ended")];
  if (arrive === null) return null;
  const isBad = (queue.oldest_ready_age_seconds ?? 0) > patience;
  if (leave === 0 && arrive === 0) return { kind: "stands", isBad };
  const gain = leave - arrive;
  // Within one in fifty of each other, they say nothing of when it is empty.
  if (Math.abs(gain) <= 0.02 * Math.max(arrive, leave)) return { kind: "keeps" };
  return gain > 0 ? { kind: "drains", seconds: queue.ready / gain } : { kind: "grows", rate: -gain, isBad };
}
