# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""pgqueuer with its own client, as its manual has it: `pgqueuer_peer.py URL COUNT` prints how it enqueued and drained."""

import asyncio
import json
import sys
import time

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

PAYLOAD = json.dumps({"moment": 0, "filling": "x" * 175}).encode()
BATCH = 500


async def run(url: str, count: int) -> dict[str, float]:
    # Its socket is named behind the question mark; asyncpg looks there only where no host stands before it.
    url = url.replace("@localhost/", "@/")
    connection = await asyncpg.connect(url)
    queries = Queries.from_asyncpg_connection(connection)
    if not await queries.schema_is_installed():
        await queries.install()
    await queries.clear_queue()
    start = time.perf_counter()
    for _ in range(0, count, BATCH):
        await queries.enqueue(["noop"] * BATCH, [PAYLOAD] * BATCH, [0] * BATCH)
    enqueued = time.perf_counter() - start
    worker = PgQueuer.from_asyncpg_connection(await asyncpg.connect(url))

    @worker.entrypoint("noop")
    async def noop(_: object) -> None:
        return

    start = time.perf_counter()
    await worker.run(batch_size=100, mode=QueueExecutionMode.drain)
    drained = time.perf_counter() - start
    left = await connection.fetchval("SELECT count(*) FROM pgqueuer")
    if left:
        raise SystemExit(f"pgqueuer left {left} jobs")
    return {"jobs": count, "enqueue_rate": count / enqueued, "rate": count / drained}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], int(sys.argv[2])))))
