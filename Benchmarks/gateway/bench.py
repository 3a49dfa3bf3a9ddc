#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A Python worker on one gateway, beside a worker in Swift on the same Redis in the same run.

usage: Benchmarks/gateway/bench.py [--rounds N] [--jobs N] [--spanq PROGRAM] [--gateway PROGRAM]

Payloads have 200 bytes, handlers do nothing, 100 run at once. Drains are timed from the first handler's call to the last one's, and the gateway's CPU
is that of its process meanwhile. A latency is from before an enqueue, by a client that waits between two, to the handler's call in another process.
Targets: batched drains of 40,000 jobs/s for each core of a gateway, and 0.4 of direct; latency at p50 2 ms, at p99 8 ms; 20 µs of the gateway's CPU a job.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "clients/python/src"))

from spanqueue import Client, Context, NewJob, Worker  # noqa: E402
from spanqueue.testing import Gateway, PrivateRedis  # noqa: E402

PAYLOAD = b"x" * 200
LATENCIES = 500


def work(address: str, queue: str, count: int, kind: str) -> None:
    """A worker as a process of its own: what it saw, as JSON."""
    worker = Worker(address, queues=queue, concurrency=100)
    seen: list[float] = []
    latencies: list[float] = []

    def note(context: Context) -> None:
        now = time.monotonic()
        seen.append(now)
        if context.type == "latency":
            latencies.append(now - float(context.payload))
        if len(seen) == count:
            worker.stop()

    async def note_in_loop(context: Context) -> None:
        note(context)

    worker.handle("*", note_in_loop if kind == "coroutine" else note)
    worker.run()
    print(json.dumps({"seconds": seen[-1] - seen[0], "cpu": time.process_time(), "latencies": latencies}))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worker_process(gateway: Gateway, queue: str, count: int, kind: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--work", gateway.address, queue, str(count), kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(worker: subprocess.Popen[str]) -> dict:
    text, _ = worker.communicate(timeout=300)
    if worker.returncode != 0:
        raise SystemExit(f"the worker ended with {worker.returncode}")
    return json.loads(text)


def drain(gateway: Gateway, jobs: int, kind: str, round: int) -> dict[str, float]:
    queue = f"{kind}-{round}"
    with Client(gateway.address, timeout=60) as client:
        client.enqueue_many([NewJob("noop", PAYLOAD, queue=queue) for _ in range(jobs)])
    before = cpu_seconds(gateway.process.pid)
    found = ended(worker_process(gateway, queue, jobs, kind))
    spent = cpu_seconds(gateway.process.pid) - before
    rate = jobs / found["seconds"]
    return {
        "rate": rate, "gateway_us": spent / jobs * 1e6, "rate_per_gateway_core": jobs / spent,
        "client_us": found["cpu"] / jobs * 1e6,
    }


def latency(gateway: Gateway, kind: str, round: int) -> dict[str, float]:
    queue = f"latency-{kind}-{round}"
    worker = worker_process(gateway, queue, LATENCIES + 20, kind)
    with Client(gateway.address) as client:
        for number in range(LATENCIES + 20):
            # The first ones warm up.
            client.enqueue("latency" if number >= 20 else "noop", str(time.monotonic()).encode(), queue=queue)
            time.sleep(0.005)
    found = sorted(ended(worker)["latencies"])
    return {"p50_ms": statistics.median(found) * 1e3, "p99_ms": found[int(len(found) * 0.99)] * 1e3}


def direct(spanq: Path, redis: PrivateRedis, jobs: int) -> dict[str, float]:
    command = [spanq, "bench", "--json", "--redis", redis.url, "--only", "drain", "--jobs", str(jobs)]
    text = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    found = json.loads(text)
    return {"rate": found["rate"]}


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        address, queue, count, kind = sys.argv[2:]
        return work(address, queue, int(count), kind)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=50_000)
    parser.add_argument("--spanq", type=Path, default=ROOT / ".build/release/spanq")
    parser.add_argument("--gateway", type=Path, default=ROOT / ".build/release/spanq-gateway")
    options = parser.parse_args()
    os.environ["SPANQ_GATEWAY_PROGRAM"] = str(options.gateway)
    found: dict[str, list[dict[str, float]]] = {}
    redis = PrivateRedis()
    gateway = Gateway(redis.url)
    try:
        for round in range(options.rounds):
            found.setdefault("drain, direct, Swift", []).append(direct(options.spanq, redis, options.jobs))
            for kind in ("coroutine", "thread"):
                found.setdefault(f"drain, gateway, Python, {kind}s", []).append(drain(gateway, options.jobs, kind, round))
                found.setdefault(f"idle latency, gateway, Python, {kind}s", []).append(latency(gateway, kind, round))
    finally:
        gateway.close()
        redis.close()
    for name, rounds in found.items():
        print(name + ":", ", ".join(f"{key} {statistics.median(one[key] for one in rounds):,.2f}" for key in rounds[0]))
    ours = statistics.median(one["rate"] for one in found["drain, gateway, Python, coroutines"])
    print(f"of direct: {ours / statistics.median(one['rate'] for one in found['drain, direct, Swift']):.2f}")


main()
