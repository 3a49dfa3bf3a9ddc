# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""awa with its own client, 200 slots, as its manual has it: `awa_peer.py URL COUNT` prints how it enqueued and drained."""

import asyncio
import json
import sys
import time
from dataclasses import dataclass

import awa

BATCH = 500


@dataclass
class Noop:
    moment: int
    filling: str


async def run(url: str, count: int) -> dict[str, float]:
    await awa.migrate(url)
    client = awa.AsyncClient(url)
    done = asyncio.Event()
    handled = 0

    @client.task(Noop, queue="bench")
    async def noop(_: object) -> None:
        nonlocal handled
        handled += 1
        if handled == count:
            done.set()

    start = time.perf_counter()
    for _ in range(0, count, BATCH):
        await client.insert_many_copy([Noop(0, "x" * 175)] * BATCH, queue="bench")
    enqueued = time.perf_counter() - start
    start = time.perf_counter()
    await client.start([("bench", 200)], poll_interval_ms=50)
    await asyncio.wait_for(done.wait(), 120)
    drained = time.perf_counter() - start
    await client.shutdown()
    return {"jobs": count, "enqueue_rate": count / enqueued, "rate": count / drained}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], int(sys.argv[2])))))
