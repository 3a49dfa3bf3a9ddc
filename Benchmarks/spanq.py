# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""`spanq` as the benchmarks run it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

from processes import Failed, background, cpu_seconds, output, wake_ups
from redis_server import PrivateRedis

#: What one measured: see `Sources/SpanQueueBenchmarks/Measurement.swift`.
Figures = dict


#: How many jobs are enough to count system calls.
COUNTED_JOBS = 5_000


class Spanq:
    def __init__(self, options: argparse.Namespace) -> None:
        self.program = str(options.spanq)
        self.allocations: Path | None = options.allocations

    def bench(self, redis: PrivateRedis, *arguments: object, tls: bool = False, **environment: str) -> Figures:
        """Runs `spanq bench` for one benchmark."""
        command, more = self._bench(redis, *arguments), redis.trust if tls else {}
        if tls:
            command[command.index(redis.url)] = redis.tls_url
        text = output(command, {**os.environ, **more, **environment}, f"spanq bench {' '.join(map(str, arguments))}")
        figures: Figures = json.loads(text)
        del figures["benchmark"]
        return {name: value for name, value in figures.items() if value is not None}

    def bench_twice(self, redis: PrivateRedis, *arguments: object) -> list[Figures]:
        """Two processes at the same time."""
        both = [
            subprocess.Popen(self._bench(redis, *arguments), stdout=subprocess.PIPE, text=True, start_new_session=True)
            for _ in range(2)
        ]
        try:
            texts = [process.communicate()[0] for process in both]
            if any(process.returncode for process in both):
                raise Failed("one of two spanq bench at once failed")
            return [json.loads(text) for text in texts]
        finally:
            for process in both:
                process.kill()

    def _bench(self, redis: PrivateRedis, *arguments: object) -> list[str]:
        return [self.program, "bench", "--json", "--redis", redis.url, *map(str, arguments)]

    def counting(self, redis: PrivateRedis, *arguments: object) -> float | None:
        """Allocations for each job. Counting takes time, so nothing else of such a run counts."""
        if not self.allocations:
            return None
        return self.bench(redis, *arguments, LD_PRELOAD=str(self.allocations)).get("allocations")

    def system_calls(self, redis: PrivateRedis, *arguments: object) -> float | None:
        """System calls for each job, by strace: of the jobs that a longer run has beyond a shorter one. strace takes its time, and a
        call that is slow for that goes another way; so this is an upper bound."""
        if not shutil.which("strace"):
            return None
        counts = []
        for jobs in (COUNTED_JOBS, 2 * COUNTED_JOBS):
            with tempfile.NamedTemporaryFile("r") as table:
                output(
                    ["strace", "-f", "-c", "-o", table.name, *self._bench(redis, *arguments, "--jobs", jobs)], os.environ,
                    "strace spanq bench")
                counts.append(int(table.read().splitlines()[-1].split()[3]))
        return (counts[1] - counts[0]) / COUNTED_JOBS

    def worker(self, redis: PrivateRedis, *arguments: str, tls: bool = False) -> AbstractContextManager[subprocess.Popen[bytes]]:
        url, more = (redis.tls_url, ["--redis-tls-ca", str(redis.certificate)]) if tls else (redis.url, [])
        return background(
            [self.program, "worker", "--redis", url, "--listen", "none", *more, *arguments], stop=signal.SIGTERM)

    def idle_worker(self, redis: PrivateRedis, tls: bool = False) -> Figures:
        """A worker of one queue without work, after it has settled down."""
        seconds = 10
        with self.worker(redis, "--exec", "none=true", tls=tls) as worker:
            time.sleep(3)
            cpu, wakes, start = cpu_seconds(worker.pid), wake_ups(worker.pid), time.monotonic()
            sent = redis.sent_commands(seconds)
            elapsed = time.monotonic() - start
            return {
                "process_core_share": (cpu_seconds(worker.pid) - cpu) / elapsed, "calls_per_second": sent / seconds,
                "wake_ups_per_second": (wake_ups(worker.pid) - wakes) / elapsed,
            }

    def first_job(self, redis: PrivateRedis) -> Figures:
        """From the start of `spanq worker` to the start of the program that is its first job's handler."""
        output([self.program, "enqueue", "--redis", redis.url, "touch"], os.environ, "spanq enqueue")
        mark = redis.directory / "first"
        mark.unlink(missing_ok=True)
        start = time.monotonic()
        with self.worker(redis, "--exec", f"touch=touch {mark}"):
            while not mark.exists():
                if time.monotonic() - start > 30:
                    raise Failed("the worker did not run its first job in 30 s")
                time.sleep(0.001)
            return {"milliseconds": (time.monotonic() - start) * 1000}
