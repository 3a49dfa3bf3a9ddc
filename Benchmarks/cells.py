"""What is measured: one cell a figure."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from collector import Collector
from redis_server import PrivateRedis

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from peers import Peer, peers  # noqa: E402


@dataclass
class Cell:
    name: str
    run: Callable[[PrivateRedis], dict]


def all_cells(options: argparse.Namespace) -> list[Cell]:
    return spanqueue_cells(options) + ([] if options.no_peers else peer_cells(options))


# SpanQueue and the floor


def spanqueue_cells(options: argparse.Namespace) -> list[Cell]:
    jobs = options.jobs
    sampled = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}

    def bench(*arguments: object, traces: dict[str, str] | None = None, **more: str) -> Callable[[PrivateRedis], dict]:
        def run(redis: PrivateRedis) -> dict:
            with Collector() as collector:
                environment = {**(traces or {}), **more}
                if traces is not None:
                    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
                return spanq(options, redis, list(map(str, arguments)), environment)

        return run

    def drain(*arguments: object, traces: dict[str, str] | None = None) -> Callable[[PrivateRedis], dict]:
        """A process fills the queue and another drains it, so that the figures are those of a worker alone."""
        shared = ["--prefix", "drain", *arguments]
        fill = bench("--only", "drain", "--part", "fill", *shared)
        run = bench("--only", "drain", "--part", "run", *shared, traces=traces)

        def both(redis: PrivateRedis) -> dict:
            fill(redis)
            return run(redis)

        return both

    cells = {
        "floor enqueue": bench("--only", "floor-enqueue", "--jobs", jobs),
        "floor drain": bench("--only", "floor-drain", "--jobs", jobs),
        "floor round trip": bench("--only", "round-trip", "--jobs", 50_000),
        "enqueue one after the other": bench("--only", "enqueue-one", "--jobs", 50_000, traces=sampled),
        "enqueue from 64 tasks": bench("--only", "enqueue-tasks", "--jobs", jobs, traces=sampled),
        "enqueue in bulk": bench("--only", "enqueue-bulk", "--jobs", jobs, traces=sampled),
        "enqueue in bulk, at depth 1,000": bench("--only", "enqueue-bulk", "--jobs", 50_000, "--depth", 1_000),
        "enqueue in bulk, at depth 1,000,000": bench("--only", "enqueue-bulk", "--jobs", 50_000, "--depth", 1_000_000),
        "drain, concurrency 10": drain("--jobs", jobs, "--concurrency", 10, traces=sampled),
        "drain, concurrency 100": drain("--jobs", jobs, traces=sampled),
        "drain, no retention": drain("--jobs", jobs, "--no-retention", traces=sampled),
        "drain, two processes": lambda redis: two_drains(options, redis),
        "drain, at depth 1,000": bench("--only", "drain", "--jobs", 50_000, "--depth", 1_000),
        "drain, at depth 1,000,000": bench("--only", "drain", "--jobs", 50_000, "--depth", 1_000_000),
        "drain, 10 queues": drain("--jobs", jobs, "--queues", 10),
        "drain, 100 queues": drain("--jobs", jobs, "--queues", 100),
        "drain, 1 KB": drain("--jobs", 50_000, "--payload", 1_000),
        "drain, 64 KB": drain("--jobs", 4_000, "--payload", 64_000),
        "drain, 1 MB": drain("--jobs", 300, "--payload", 1_000_000),
        "drain, each job fails once": bench("--only", "retries", "--jobs", 50_000, traces=sampled),
        "producer and worker together": bench("--only", "together", "--jobs", jobs, traces=sampled),
        "drain, traces off": drain("--jobs", jobs),
        "drain, traces 100%, exported": drain("--jobs", jobs, traces={"OTEL_TRACES_SAMPLER": "always_on"}),
        "idle latency": bench("--only", "idle-latency", "--jobs", 2_500, traces=sampled),
        "schedule lag": bench("--only", "schedule-lag", "--jobs", 10_000, traces=sampled),
        "idle worker": lambda redis: idle_worker(options, redis),
        "start to first job": lambda redis: first_job(options, redis),
    }
    return [Cell(name, run) for name, run in cells.items()]


def spanq(options: argparse.Namespace, redis: PrivateRedis, arguments: list[str], more: dict[str, str]) -> dict:
    environment = {**os.environ, **more, **preload(options)}
    done = subprocess.run(
        [str(options.spanq), "bench", "--json", "--redis", redis.url, *arguments],
        env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: spanq bench {' '.join(arguments)}: {done.stderr.strip()}")
    figures = json.loads(done.stdout)
    figures.pop("benchmark")
    return figures


def preload(options: argparse.Namespace) -> dict[str, str]:
    return {"LD_PRELOAD": str(options.allocations)} if getattr(options, "allocations", None) else {}


def two_drains(options: argparse.Namespace, redis: PrivateRedis) -> dict:
    """Both work until the queue is empty; the rate is that of all jobs over the longer of the two times."""
    common = ["--only", "drain", "--jobs", str(options.jobs), "--prefix", "two"]
    spanq(options, redis, [*common, "--part", "fill"], {})
    before = redis.cpu_seconds
    command = [str(options.spanq), "bench", "--json", "--redis", redis.url, *common, "--part", "run"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    seconds = max(json.loads(process.communicate()[0])["seconds"] for process in both)
    return {
        "jobs": options.jobs, "seconds": seconds, "rate": options.jobs / seconds,
        "redisMicroseconds": (redis.cpu_seconds - before) / options.jobs * 1e6,
    }


def idle_worker(options: argparse.Namespace, redis: PrivateRedis) -> dict:
    """A worker of one queue without work, after it has settled down."""
    worker = start_worker(options, redis)
    time.sleep(3)
    cpu, commands, start = process_seconds(worker.pid), redis.commands, time.monotonic()
    time.sleep(10)
    seconds = time.monotonic() - start
    figures = {
        "coreShare": (process_seconds(worker.pid) - cpu) / seconds,
        # What asking for the figures costs is in there: two commands.
        "commandsPerSecond": (redis.commands - commands - 2) / seconds,
    }
    stop(worker)
    return figures


def first_job(options: argparse.Namespace, redis: PrivateRedis) -> dict:
    """From the start of `spanq worker` to the start of the program that is its first job's handler."""
    subprocess.run(
        [str(options.spanq), "enqueue", "--redis", redis.url, "touch"], check=True, capture_output=True)
    mark = redis.directory / "first"
    mark.unlink(missing_ok=True)
    start = time.monotonic()
    worker = start_worker(options, redis, "--exec", f"touch=touch {mark}")
    while not mark.exists():
        time.sleep(0.001)
    milliseconds = (time.monotonic() - start) * 1000
    stop(worker)
    return {"milliseconds": milliseconds}


def start_worker(options: argparse.Namespace, redis: PrivateRedis, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [str(options.spanq), "worker", "--redis", redis.url, "--listen", "none",
         *(arguments or ["--exec", "none=true"])],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait()


def process_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# The others


def peer_cells(options: argparse.Namespace) -> list[Cell]:
    cells = []
    for peer in peers(options.environments):
        cells.append(Cell(f"{peer.name}: enqueue one after the other", lambda redis, p=peer: enqueue(p, redis, "one", 5_000)))
        if peer.has_many:
            cells.append(Cell(f"{peer.name}: enqueue many", lambda redis, p=peer: enqueue(p, redis, "many", 20_000)))
        cells.append(Cell(f"{peer.name}: drain", lambda redis, p=peer: drain(p, redis, 5_000)))
        cells.append(Cell(f"{peer.name}: idle latency", lambda redis, p=peer: latency(p, redis, 200)))
    return cells


def peer_environment(redis: PrivateRedis) -> dict[str, str]:
    here = str(Path(__file__).parent / "peers")
    return {
        **os.environ, "PEER_URL": redis.url, "PEER_LATENCIES": str(redis.directory / "latencies"),
        "PYTHONPATH": here, "PYTHONDONTWRITEBYTECODE": "1",
    }


def enqueue(peer: Peer, redis: PrivateRedis, action: str, count: int) -> dict:
    before = redis.cpu_seconds
    done = subprocess.run(
        [*peer.program, action, str(count)], env=peer_environment(redis), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {peer.name} can't enqueue: {done.stderr.strip()[-500:]}")
    figures = json.loads(done.stdout.splitlines()[-1])
    figures["rate"] = figures["jobs"] / figures["seconds"]
    figures["redisMicroseconds"] = (redis.cpu_seconds - before) / figures["jobs"] * 1e6
    return figures


def worker_of(peer: Peer, redis: PrivateRedis) -> subprocess.Popen:
    return subprocess.Popen(
        peer.worker, env=peer_environment(redis), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parent / "peers", start_new_session=True)


def end(worker: subprocess.Popen) -> None:
    """Kills the whole group: some leave children behind when they are asked to go."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def drain(peer: Peer, redis: PrivateRedis, count: int) -> dict:
    """From the moment at which the queue has begun to shrink, which leaves out the start of the worker."""
    enqueue(peer, redis, "one", count)
    worker = worker_of(peer, redis)
    waiting, limit = count, time.monotonic() + 120
    started: float | None = None
    left_at_start = count
    before = 0.0
    while waiting and time.monotonic() < limit:
        waiting = int(redis.command(*peer.waiting) or 0)
        if started is None and waiting < count:
            started, left_at_start, before = time.monotonic(), waiting, redis.cpu_seconds
        time.sleep(0.02)
    seconds = time.monotonic() - (started or time.monotonic())
    cpu = redis.cpu_seconds - before
    end(worker)
    if waiting or not seconds:
        raise SystemExit(f"bench: {peer.name} left {waiting} of {count} jobs")
    return {
        "jobs": left_at_start, "seconds": seconds, "rate": left_at_start / seconds,
        "redisMicroseconds": cpu / max(1, left_at_start) * 1e6,
    }


def latency(peer: Peer, redis: PrivateRedis, count: int) -> dict:
    """Jobs 20 ms apart for a worker with nothing else to do."""
    file = redis.directory / "latencies"
    file.unlink(missing_ok=True)
    worker = worker_of(peer, redis)
    time.sleep(4)
    done = subprocess.run(
        [*peer.program, "paced", str(count), "0.02"], env=peer_environment(redis), capture_output=True, text=True, check=False)
    if done.returncode:
        end(worker)
        raise SystemExit(f"bench: {peer.name} can't enqueue: {done.stderr.strip()[-500:]}")
    for _ in range(200):
        if file.exists() and len(file.read_text().splitlines()) >= count:
            break
        time.sleep(0.05)
    end(worker)
    values = sorted(float(line) for line in file.read_text().splitlines()) if file.exists() else []
    if not values:
        raise SystemExit(f"bench: {peer.name} ran no job")
    return {"jobs": len(values), "latency": {
        "p50": values[len(values) // 2], "p99": values[min(len(values) - 1, int(len(values) * 0.99))],
        "maximum": values[-1]}}
