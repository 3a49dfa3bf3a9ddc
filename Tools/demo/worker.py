#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The demo's worker in Python: adds jobs by way of a gateway, works on them, and says what became of them.

usage: worker.py ADDRESS     of the gateway. The first attempt at every eighth job fails; `letters-0` is one of these.
"""

from __future__ import annotations

import logging
import sys
import threading
import time

from spanqueue import Backoff, Client, Context, JobState, NewJob, Worker

COUNT = 40
ADDRESS = sys.argv[1]
# Not of each attempt that fails.
logging.getLogger("spanqueue").setLevel(logging.CRITICAL)
worker = Worker(ADDRESS, queues="python", concurrency=4)


@worker.job("letters:count")
def count(context: Context) -> dict[str, int]:
    time.sleep(0.02)
    if context.attempt == 1 and context.json()["number"] % 8 == 0:
        raise ConnectionError("the dictionary is away")
    return {"letters": len(context.json()["text"])}


def main() -> None:
    working = threading.Thread(target=worker.run, kwargs={"signals": False}, daemon=True)
    working.start()
    with Client(ADDRESS) as client:
        jobs = [
            NewJob(
                "letters:count", {"number": n, "text": "x" * n}, queue="python", id=f"letters-{n}", backoff=Backoff.constant(0.3)
            )
            for n in range(COUNT)
        ]
        client.enqueue_many(jobs)
        end = time.monotonic() + 60
        records = []
        while len(records) < COUNT and time.monotonic() < end:
            time.sleep(0.1)
            records = [record for job in jobs if (record := client.get(job.id, queue="python")).state.is_final]
    worker.stop()
    working.join()
    done = sum(record.state == JobState.COMPLETED for record in records)
    again = sum(record.attempt > 1 for record in records)
    print(f"in Python, by way of the gateway: {COUNT} jobs, {done} completed, {again} of them at the second attempt")
    sys.exit(0 if done == COUNT else 1)


main()
