# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""arq, 100 jobs at once, results kept for no time. See peers.py for how it is run."""

import asyncio
import os
import sys
import time

from arq import create_pool
from arq.connections import RedisSettings

SETTINGS = RedisSettings.from_dsn(os.environ["PEER_URL"])
PAYLOAD = "x" * 150


async def noop(context: dict, moment: float, text: str) -> None:
    if moment:
        with open(os.environ["PEER_LATENCIES"], "a") as file:
            file.write(f"{(time.time() - moment) * 1000}\n")


class WorkerSettings:
    functions = [noop]
    redis_settings = SETTINGS
    max_jobs = 100
    keep_result = 0
    poll_delay = 0.5


def one(count: int) -> None:
    async def run() -> None:
        pool = await create_pool(SETTINGS)
        for _ in range(count):
            await pool.enqueue_job("noop", 0, PAYLOAD)

    asyncio.run(run())


def many(count: int) -> None:
    async def run() -> None:
        pool = await create_pool(SETTINGS)

        async def part() -> None:
            for _ in range(count // 64):
                await pool.enqueue_job("noop", 0, PAYLOAD)

        await asyncio.gather(*(part() for _ in range(64)))

    asyncio.run(run())


def paced(count: int, gap: float) -> None:
    async def run() -> None:
        pool = await create_pool(SETTINGS)
        for _ in range(count):
            await pool.enqueue_job("noop", time.time(), PAYLOAD)
            await asyncio.sleep(gap)

    asyncio.run(run())


if __name__ == "__main__":
    from peers import main

    main(sys.argv, one=one, many=many, paced=paced)
