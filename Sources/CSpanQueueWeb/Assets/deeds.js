// What people do to jobs.

import { get, path, send } from "./api.js";
import { deeds } from "./states.js";
import { toast } from "./parts.js";

/** Does it, and says what came of it. With a tag, only if nothing has happened since. */
export async function act(word, job, tag) {
  const query = { queue: job.queue };
  try {
    const answer = word === "remove"
      ? await send("DELETE", path(["jobs", job.id], query), undefined, tag)
      : await send("POST", path(["jobs", job.id, word], query), {}, tag);
    if (word === "cancel" && answer?.state === "active") toast(true, "It was asked to stop.", "Its worker hears of it with its next heartbeat.");
    else toast(true, deeds[word].done, job.type);
    return true;
  } catch (error) {
    toast(false, `Not done: ${deeds[word].label.toLowerCase()}.`, error.message);
    return false;
  }
}

/** A job as it is now; null where it is gone. */
export async function look(job) {
  try {
    return (await get(path(["jobs", job.id], { queue: job.queue }))).body;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}
