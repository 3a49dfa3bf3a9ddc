# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""BullMQ's port to Python, 100 jobs at once, completed jobs removed. See peers.py for how it is run."""

import asyncio
import os
import sys
import time

from bullmq import Queue, Worker

CONNECTION = {"connection": os.environ["PEER_URL"]}
PAYLOAD = "x" * 170
OPTIONS = {"removeOnComplete": True}


async def process(job, token: str) -> None:
    if job.data["moment"]:
        with open(os.environ["PEER_LATENCIES"], "a") as file:
            file.write(f"{(time.time() - job.data['moment']) * 1000}\n")


def one(count: int) -> None:
    async def run() -> None:
        queue = Queue("bench", CONNECTION)
        for _ in range(count):
            await queue.add("noop", {"moment": 0, "text": PAYLOAD}, OPTIONS)
        await queue.close()

    asyncio.run(run())


def many(count: int) -> None:
    async def run() -> None:
        queue = Queue("bench", CONNECTION)
        left = count
        while left > 0:
            number = min(left, 500)
            job = {"name": "noop", "data": {"moment": 0, "text": PAYLOAD}, "opts": OPTIONS}
            await queue.addBulk([dict(job) for _ in range(number)])
            left -= number
        await queue.close()

    asyncio.run(run())


def paced(count: int, gap: float) -> None:
    async def run() -> None:
        queue = Queue("bench", CONNECTION)
        for _ in range(count):
            await queue.add("noop", {"moment": time.time(), "text": PAYLOAD}, OPTIONS)
            await asyncio.sleep(gap)
        await queue.close()

    asyncio.run(run())


def work() -> None:
    async def run() -> None:
        worker = Worker("bench", process, {**CONNECTION, "concurrency": 100})
        await asyncio.Event().wait()
        await worker.close()

    asyncio.run(run())


if __name__ == "__main__":
    from peers import main

    main(sys.argv, one=one, many=many, paced=paced, work=work)
