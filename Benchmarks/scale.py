# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What one Redis carries: memory, network and time for each job by payload, and many workers on one queue.

Writes `.bench/scale.json` and `.bench/scale.md`, and with `--docs` what `docs/capacity.md` shows and `Scripts/capacity` reckons with.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from pathlib import Path

from redis_server import PrivateRedis
from report import fill, machine
from spanq import Figures, Spanq

PAYLOADS = {25: 100_000, 200: 100_000, 1_000: 100_000, 10_000: 20_000, 100_000: 2_000}
WORKERS = [1, 10, 100, 1_000]
#: How many completed jobs a queue keeps unless told otherwise.
KEPT = 10_000
#: The worked example of docs/capacity.md.
EXAMPLE = "--rate 2000 --payload 1000 --workers 20 --clients 40 --outage 10m".split()


def main(options: argparse.Namespace, root: Path) -> int:
    spanq = Spanq(options)
    with PrivateRedis() as redis:
        payloads = [payload(spanq, redis, size, min(count, options.jobs)) for size, count in PAYLOADS.items()]
        workers = [crew(spanq, redis, number, options.jobs) for number in WORKERS]
    result = {
        "date": datetime.date.today().isoformat(), "machine": machine(), "payloads": payloads, "workers": workers,
    }
    (options.out / "scale.json").write_text(json.dumps(result, indent=1) + "\n")
    text = tables(result)
    (options.out / "scale.md").write_text(text)
    print(text)
    if options.docs:
        (root / "Benchmarks/capacity.json").write_text(json.dumps(result, indent=1) + "\n")
        example = subprocess.run([root / "Scripts/capacity", *EXAMPLE], capture_output=True, text=True, check=True)
        fill(root / "docs/capacity.md", "results", text)
        fill(root / "docs/capacity.md", "example", f"```\n{example.stdout}```\n")
    return 0


def tell(what: str, figures: Figures) -> None:
    print(f"{what:24} {figures}", file=sys.stderr, flush=True)


def payload(spanq: Spanq, redis: PrivateRedis, size: int, count: int) -> Figures:
    """One payload's length: what a waiting job takes, what its life costs in batches, and what it leaves."""
    redis.flush()
    empty = redis.memory
    shared = ["--only", "drain", "--prefix", "scale", "--jobs", count, "--payload", size]
    fill = spanq.bench(redis, *shared, "--part", "fill")
    full = redis.memory
    run = spanq.bench(redis, *shared, "--part", "run")
    figures: Figures = {
        "payload": size, "jobs": count, "waiting_bytes": (full - empty) / count,
        "kept_bytes": (redis.memory - empty) / min(count, KEPT),
        "enqueue_redis_us": fill["redis_us"], "work_redis_us": run["redis_us"],
        "enqueue_bytes": fill["network_bytes"], "work_bytes": run["network_bytes"],
        "calls": fill["redis_calls"] + run["redis_calls"],
    }
    tell(f"payload {size}", figures)
    return figures


def crew(spanq: Spanq, redis: PrivateRedis, number: int, jobs: int) -> Figures:
    """So many workers on one queue: with nothing to do, with one job at a time, and with more than they can do."""
    common = ["--workers", number, "--concurrency", 10]
    redis.flush()
    idle = spanq.bench(redis, "--only", "idle", *common)
    redis.flush()
    lone = spanq.bench(redis, "--only", "idle-latency", "--jobs", 5_000, *common)
    redis.flush()
    drain = spanq.bench(redis, "--only", "drain", "--jobs", min(jobs, 100_000), *common)
    figures: Figures = {
        "workers": number, "idle_calls": idle["calls_per_second"], "idle_redis_share": idle["redis_core_share"],
        # The cost of those who wait meanwhile is not the jobs'.
        "lone_redis_us": (lone["redis_core_share"] - idle["redis_core_share"]) * lone["seconds"] / lone["jobs"] * 1e6,
        "lone_calls": lone["redis_calls"] - idle["calls_per_second"] * lone["seconds"] / lone["jobs"],
        "lone_bytes": lone["network_bytes"],
        "lone_p50_ms": lone["latency_ms"]["p50"], "lone_p99_ms": lone["latency_ms"]["p99"],
        "busy_redis_us": drain["redis_us"], "busy_calls": drain["redis_calls"], "busy_rate": drain["rate"],
    }
    tell(f"{number} workers", figures)
    return figures


def tables(result: dict) -> str:
    lines = [
        f"{result['date']}, {result['machine']}.", "",
        "| payload, bytes | a waiting job, bytes of Redis | a kept one | Redis CPU to enqueue, µs | to claim and settle, µs "
        "| network to enqueue, bytes | to claim and settle, bytes |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["payloads"]:
        lines.append(
            f"| {row['payload']:,} | {row['waiting_bytes']:,.0f} | {row['kept_bytes']:,.0f} | {row['enqueue_redis_us']:.1f} "
            f"| {row['work_redis_us']:.1f} | {row['enqueue_bytes']:,.0f} | {row['work_bytes']:,.0f} |")
    lines += [
        "", "| workers | idle: commands/s | idle: Redis, % of a core | one job at a time: commands a job | Redis CPU, µs a job "
        "| p50, ms | p99, ms | backlog: commands a job | Redis CPU, µs a job |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["workers"]:
        lines.append(
            f"| {row['workers']:,} | {row['idle_calls']:,.1f} | {row['idle_redis_share'] * 100:.2f} | {row['lone_calls']:.1f} "
            f"| {row['lone_redis_us']:.0f} | {row['lone_p50_ms']:.2f} | {row['lone_p99_ms']:.2f} | {row['busy_calls']:.3f} "
            f"| {row['busy_redis_us']:.1f} |")
    return "\n".join(lines) + "\n"
