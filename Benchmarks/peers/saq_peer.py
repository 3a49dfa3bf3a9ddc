# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""saq, 100 jobs at once, results kept for no time. See peers.py for how it is run."""

import asyncio
import os
import sys
import time

from saq import Queue

queue = Queue.from_url(os.environ["PEER_URL"])
PAYLOAD = "x" * 150


async def noop(context: dict, *, moment: float, text: str) -> None:
    if moment:
        with open(os.environ["PEER_LATENCIES"], "a") as file:
            file.write(f"{(time.time() - moment) * 1000}\n")


settings = {"queue": queue, "functions": [noop], "concurrency": 100}


async def put(moment: float) -> None:
    await queue.enqueue("noop", moment=moment, text=PAYLOAD, ttl=-1)


def one(count: int) -> None:
    async def run() -> None:
        await queue.connect()
        for _ in range(count):
            await put(0)

    asyncio.run(run())


def many(count: int) -> None:
    async def run() -> None:
        await queue.connect()

        async def part() -> None:
            for _ in range(count // 64):
                await put(0)

        await asyncio.gather(*(part() for _ in range(64)))

    asyncio.run(run())


def paced(count: int, gap: float) -> None:
    async def run() -> None:
        await queue.connect()
        for _ in range(count):
            await put(time.time())
            await asyncio.sleep(gap)

    asyncio.run(run())


if __name__ == "__main__":
    from peers import main

    main(sys.argv, one=one, many=many, paced=paced)
