# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What is measured of the other queues. How each is started stands in `peers/peers.py`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

from cells import Cell
from processes import Failed, background, output
from redis_server import PrivateRedis
from spanq import Figures

PEERS = Path(__file__).parent / "peers"
sys.path.insert(0, str(PEERS))
from peers import Peer, peers  # noqa: E402


def peer_cells(options: argparse.Namespace) -> list[Cell]:
    cells = []
    for peer in peers(options.environments):
        cells.append(Cell(f"{peer.name}: enqueue one after the other", lambda r, p=peer: enqueue(p, r, "one", 5_000)))
        if peer.has_many:
            cells.append(Cell(f"{peer.name}: enqueue many", lambda r, p=peer: enqueue(p, r, "many", 20_000)))
        cells.append(Cell(f"{peer.name}: drain", lambda r, p=peer: drain(p, r, 5_000)))
        cells.append(Cell(f"{peer.name}: idle latency", lambda r, p=peer: latency(p, r, 200)))
    return cells


def environment(redis: PrivateRedis) -> dict[str, str]:
    return {
        **os.environ, "PEER_URL": redis.url, "PEER_LATENCIES": str(redis.directory / "latencies"),
        "PYTHONPATH": str(PEERS), "PYTHONDONTWRITEBYTECODE": "1",
    }


def worker_of(peer: Peer, redis: PrivateRedis) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return background(peer.worker, environment(redis), PEERS, stop=signal.SIGKILL)


def enqueue(peer: Peer, redis: PrivateRedis, action: str, count: int) -> Figures:
    before = redis.cpu_seconds
    text = output([*peer.program, action, str(count)], environment(redis), f"{peer.name} can't enqueue")
    figures: Figures = json.loads(text.splitlines()[-1])
    figures["rate"] = figures["jobs"] / figures["seconds"]
    figures["redis_us"] = (redis.cpu_seconds - before) / figures["jobs"] * 1e6
    return figures


def drain(peer: Peer, redis: PrivateRedis, count: int) -> Figures:
    """From the moment at which the queue has begun to shrink, which leaves out the start of the worker."""
    enqueue(peer, redis, "one", count)
    waiting, at_start, started, before = count, count, 0.0, 0.0
    with worker_of(peer, redis):
        limit = time.monotonic() + 120
        while waiting and time.monotonic() < limit:
            waiting = int(redis.command(*peer.waiting) or 0)
            if not started and waiting < count:
                started, at_start, before = time.monotonic(), waiting, redis.cpu_seconds
            time.sleep(0.02)
        seconds, cpu = time.monotonic() - started, redis.cpu_seconds - before
    if waiting or not started or not at_start:
        raise Failed(f"{peer.name} left {waiting} of {count} jobs, or was too fast to be seen")
    return {
        "jobs": at_start, "seconds": seconds, "rate": at_start / seconds, "redis_us": cpu / at_start * 1e6,
    }


def latency(peer: Peer, redis: PrivateRedis, count: int) -> Figures:
    """Jobs 20 ms apart for a worker with nothing else to do."""
    file = redis.directory / "latencies"
    file.unlink(missing_ok=True)
    with worker_of(peer, redis):
        time.sleep(4)
        output([*peer.program, "paced", str(count), "0.02"], environment(redis), f"{peer.name} can't enqueue")
        for _ in range(200):
            if file.exists() and len(file.read_text().splitlines()) >= count:
                break
            time.sleep(0.05)
    values = sorted(float(line) for line in file.read_text().splitlines()) if file.exists() else []
    if not values:
        raise Failed(f"{peer.name} ran no job")

    def at(share: float) -> float:
        return values[min(len(values) - 1, int(len(values) * share))]

    return {
        "jobs": len(values),
        "latency_ms": {"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "maximum": values[-1]},
    }
