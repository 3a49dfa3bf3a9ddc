# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Measures SpanQueue on a private Postgres, beside other queues on it, in turns, and writes what came out.

What is called SQL is the statements alone, driven by one client that is the same for all (`queues.py`); pgqueuer and awa are the whole
of them, as PyPI has them; SpanQueue is `spanq bench`. See ../README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from queues import Graphile, Queue, River, SpanQueue
from server import PrivatePostgres

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
Figures = dict
#: Batches of the SQL: jobs of an enqueue, jobs of a claim.
BULK, CLAIM = 1_000, 100


class Bench:
    def __init__(self, options: argparse.Namespace, postgres: PrivatePostgres) -> None:
        self.options = options
        self.postgres = postgres

    # MARK: SpanQueue whole

    def spanq(self, *words: object) -> Figures:
        environment = {**os.environ, "SPANQ_URL": self.postgres.url, "OTEL_SDK_DISABLED": "true"}
        done = subprocess.run(
            [self.options.spanq, "bench", "--json", *map(str, words)], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-300:])
        return {key: value for key, value in json.loads(done.stdout).items() if value is not None}

    def drain(self, *words: object) -> Figures:
        """Filled by a process of its own, so that the figures are those of the worker."""
        common = ["--only", "drain", "--prefix", "drain", *words]
        self.spanq(*common, "--part", "fill")
        self.sql("ANALYZE")
        return self.spanq(*common, "--part", "run")

    # MARK: SQL

    def sql(self, statement: str) -> list:
        with psycopg.connect(self.postgres.url, autocommit=True) as database:
            cursor = database.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @property
    def wal(self) -> int:
        return int(self.sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")[0][0])

    def measured(self, count: int, work: Callable[[], None]) -> Figures:
        cpu, wal, start = self.postgres.cpu_seconds, self.wal, time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        return {
            "jobs": count, "seconds": seconds, "rate": count / seconds,
            "postgres_us": (self.postgres.cpu_seconds - cpu) / count * 1e6, "wal_bytes": (self.wal - wal) / count,
        }

    def enqueue_sql(self, kind: type[Queue]) -> Figures:
        with self.queue(kind) as queue:
            return self.measured(self.options.jobs, lambda: fill(queue, self.options.jobs))

    def drain_sql(self, kind: type[Queue]) -> Figures:
        with self.queue(kind) as queue:
            fill(queue, self.options.jobs)
            self.sql("VACUUM ANALYZE")
            return self.measured(self.options.jobs, lambda: empty(queue))

    @contextlib.contextmanager
    def queue(self, kind: type[Queue]) -> Iterator[Queue]:
        queue = kind(self.postgres.url)
        try:
            queue.prepare()
            yield queue
        finally:
            queue.close()

    def bare_insert(self) -> Figures:
        """What a lone enqueue can't be faster than: one row, one index, one commit."""
        count = min(self.options.jobs, 5_000)
        self.sql("CREATE TABLE IF NOT EXISTS bare (id text PRIMARY KEY, payload bytea)")
        self.sql("TRUNCATE bare")
        with psycopg.connect(self.postgres.url, autocommit=True) as database:
            def work() -> None:
                for number in range(count):
                    database.execute("INSERT INTO bare VALUES (%b, %b)", [f"id-{number}", b"x" * 200], prepare=True)

            return self.measured(count, work)

    def snapshot(self) -> Figures:
        """Claims of 100 at 2,000 jobs a second: before, and while a session holds a snapshot."""
        seconds = self.options.snapshot_seconds
        with self.queue(SpanQueue) as queue:
            before = steady(queue, max(5.0, seconds / 10))
            with psycopg.connect(self.postgres.url) as holder:
                holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                holder.execute("SELECT count(*) FROM spanq.queue")
                held = steady(queue, seconds)
        return {
            "jobs": int(2_000 * seconds), "seconds": seconds, "p99_before_ms": before, "p99_held_ms": held, "p99_ratio": held / before,
        }

    def idle(self) -> Figures:
        return self.spanq("--only", "idle")

    def peer(self, program: str) -> Figures:
        with self.as_database(program):
            before = self.postgres.cpu_seconds
            count = min(self.options.jobs, 20_000)
            url = self.postgres.url.replace("@/postgres", f"@localhost/{program}")
            done = subprocess.run(
                [sys.executable, str(HERE / f"{program}_peer.py"), url, str(count)], capture_output=True, text=True, check=False,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
            if done.returncode:
                raise RuntimeError(done.stderr.strip()[-300:])
            figures: Figures = json.loads(done.stdout.splitlines()[-1])
            figures["postgres_us"] = (self.postgres.cpu_seconds - before) / count * 1e6
            return figures

    @contextlib.contextmanager
    def as_database(self, name: str) -> Iterator[None]:
        """An empty one."""
        self.sql(f"CREATE DATABASE {name}")
        try:
            yield
        finally:
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")


def fill(queue: Queue, count: int) -> None:
    for _ in range(0, count, BULK):
        queue.enqueue(BULK)


def empty(queue: Queue) -> None:
    while claimed := queue.claim(CLAIM):
        queue.finish(claimed)


def steady(queue: Queue, seconds: float) -> float:
    """The 99th percentile of claims, in milliseconds, at 2,000 jobs a second."""
    times, start = [], time.perf_counter()
    for number in range(int(seconds * 20)):
        time.sleep(max(0.0, start + number * 0.05 - time.perf_counter()))
        queue.enqueue(CLAIM)
        asked = time.perf_counter()
        claimed = queue.claim(CLAIM)
        times.append((time.perf_counter() - asked) * 1000)
        if claimed:
            queue.finish(claimed)
    return sorted(times)[len(times) * 99 // 100]


def cells(bench: Bench) -> dict[str, Callable[[], Figures]]:
    options = bench.options
    jobs = ["--jobs", options.jobs]
    some = ["--jobs", min(options.jobs, 50_000)]
    few = ["--jobs", min(options.jobs, 2_000)]
    ours = {
        "bare INSERT, one by one": bench.bare_insert,
        "enqueue one by one": lambda: bench.spanq("--only", "enqueue-one", "--jobs", min(options.jobs, 5_000)),
        "enqueue from 64 tasks": lambda: bench.spanq("--only", "enqueue-tasks", *some),
        "enqueue in bulk": lambda: bench.spanq("--only", "enqueue-bulk", *jobs),
        "drain, concurrency 10": lambda: bench.drain("--concurrency", 10, *some),
        "drain, concurrency 100": lambda: bench.drain(*jobs),
        "drain, at depth 1,000": lambda: bench.spanq("--only", "drain", "--depth", 1_000, *some),
        "drain, at depth 1,000,000": lambda: bench.spanq("--only", "drain", "--depth", options.depth, *some),
        "each fails once": lambda: bench.spanq("--only", "retries", *some),
        "idle latency": lambda: bench.spanq("--only", "idle-latency", *few),
        "idle worker": bench.idle,
        "claims under an old snapshot": bench.snapshot,
    }
    if options.no_peers:
        return ours
    for kind in (SpanQueue, River, Graphile):
        ours[f"{kind.name}: enqueue by {BULK}"] = lambda kind=kind: bench.enqueue_sql(kind)
        ours[f"{kind.name}: drain by {CLAIM}"] = lambda kind=kind: bench.drain_sql(kind)
    return {**ours, "pgqueuer": lambda: bench.peer("pgqueuer"), "awa": lambda: bench.peer("awa")}


def main() -> int:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    samples: dict[str, list[Figures]] = {}
    failed: list[str] = []
    with PrivatePostgres() as postgres:
        bench = Bench(options, postgres)
        fsync = postgres.fsync_milliseconds()
        subprocess.run([options.spanq, "pg", "migrate"], env={**os.environ, "SPANQ_URL": postgres.url}, check=True, stdout=sys.stderr)
        for number in range(options.rounds):
            chosen = [(name, run) for name, run in cells(bench).items() if not options.only or any(p in name for p in options.only)]
            for name, run in random.Random(number).sample(chosen, len(chosen)):
                bench.sql("TRUNCATE spanq.job, spanq.live, spanq.done, spanq.tally, spanq.lock, spanq.queue, spanq.idle CASCADE")
                try:
                    figures = run()
                except Exception as error:  # The others have taken their time: they stay.
                    print(f"bench: {name}: {error}", file=sys.stderr, flush=True)
                    failed.append(name)
                    continue
                samples.setdefault(name, []).append(figures)
                print(f"round {number + 1}/{options.rounds}  {name:38} {shown(figures)}", file=sys.stderr, flush=True)
        version = bench.sql("SHOW server_version")[0][0]
    summary = {
        "date": time.strftime("%Y-%m-%d"), "machine": f"{platform.machine()}, {os.cpu_count()} cores", "postgres": version,
        "fsync_ms": fsync, "load": os.getloadavg()[0], "rounds": options.rounds,
        "cells": {name: median(each) for name, each in samples.items()},
    }
    summary["ratios"] = ratios(summary["cells"])
    text = tables(summary)
    (options.out / "results.json").write_text(json.dumps(summary, indent=1) + "\n")
    (options.out / "results.md").write_text(text)
    print(text)
    if failed:
        print(f"bench: these failed, in a round or in all: {'; '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def shown(figures: Figures) -> str:
    if "p99_ratio" in figures:
        return f"p99 {figures['p99_before_ms']:.2f} ms, then {figures['p99_held_ms']:.2f} ms"
    if "latency_ms" in figures:
        return f"p50 {figures['latency_ms']['p50']:.2f} ms, p99 {figures['latency_ms']['p99']:.2f} ms"
    if not figures.get("jobs"):
        return f"{figures.get('calls_per_second', 0):.2f} transactions a second"
    return f"{figures['rate']:,.0f}/s"


def median(samples: list[Figures]) -> Figures:
    result: Figures = {}
    for key in samples[0]:
        values = [one[key] for one in samples if key in one]
        if isinstance(values[0], dict):
            result[key] = median(values)
        elif isinstance(values[0], (int, float)):
            result[key] = statistics.median(values)
    return result


def ratios(cells: dict[str, Figures]) -> list[dict]:
    """What is asked for, and what there is of it."""
    def of(name: str, key: str = "rate") -> float | None:
        return cells.get(name, {}).get(key)

    def over(above: float | None, below: float | None) -> float | None:
        return above / below if above and below else None

    drain, bulk = of("drain, concurrency 100"), of("enqueue in bulk")
    latency = cells.get("idle latency", {}).get("latency_ms", {})
    wal = [of("enqueue in bulk", "wal_bytes"), of("drain, concurrency 100", "wal_bytes")]
    ours = f"{SpanQueue.name}: drain by {CLAIM}"
    rules: list[tuple[str, float | None, str, float]] = [
        ("drain, concurrency 100, jobs/s", drain, "≥", 45_000),
        ("SQL drained, of River's SQL", over(of(ours), of(f"{River.name}: drain by {CLAIM}")), "≥", 2),
        ("SQL drained, of graphile-worker's SQL", over(of(ours), of(f"{Graphile.name}: drain by {CLAIM}")), "≥", 0.85),
        ("drain, of pgqueuer's", over(drain, of("pgqueuer")), "≥", 10),
        ("drain, of awa's", over(drain, of("awa")), "≥", 10),
        ("enqueue in bulk, durable, jobs/s", bulk, "≥", 60_000),
        ("one by one, of a bare INSERT", over(of("enqueue one by one"), of("bare INSERT, one by one")), "≥", 0.85),
        ("WAL of a job's life, bytes, sweep apart", sum(wal) if all(wal) else None, "≤", 1_900),
        ("idle latency p50, ms", latency.get("p50"), "≤", 1.5), ("idle latency p99, ms", latency.get("p99"), "≤", 8),
        ("depth 1,000,000 over 1,000, Postgres' CPU",
         over(of("drain, at depth 1,000,000", "postgres_us"), of("drain, at depth 1,000", "postgres_us")), "≤", 1.1),
        ("claim p99 under an old snapshot, of that before", of("claims under an old snapshot", "p99_ratio"), "≤", 2),
        ("transactions of an idle worker a second", of("idle worker", "calls_per_second"), "≤", 1),
    ]
    return [
        {"name": name, "value": value, "sign": sign, "target": target,
         "met": value >= target if sign == "≥" else value <= target}
        for name, value, sign, target in rules if value is not None]


def tables(summary: dict) -> str:
    lines = [
        f"Measured on {summary['date']}: {summary['machine']}, Postgres {summary['postgres']}, fsync on and {summary['fsync_ms']:.2f} ms; "
        f"medians of {summary['rounds']}; load at the end {summary['load']:.1f}.", "",
        "| | jobs/s | Postgres CPU µs/job | WAL bytes/job | own CPU µs/job | transactions/job |", "|---|---:|---:|---:|---:|---:|"]
    for name, cell in summary["cells"].items():
        def text(key: str, form: str, cell: Figures = cell) -> str:
            return form.format(cell[key]) if key in cell else ""

        rate = text("rate", "{:,.0f}") if cell.get("jobs") and "latency_ms" not in cell else shown(cell)
        lines.append(
            f"| {name} | {rate} | {text('postgres_us', '{:.1f}')} | {text('wal_bytes', '{:,.0f}')} | "
            f"{text('process_us', '{:.1f}')} | {text('postgres_calls', '{:.3f}')} |")
    lines += ["", "| asked for | is | target | |", "|---|---:|---:|---|"]
    for rule in summary["ratios"]:
        lines.append(
            f"| {rule['name']} | {rule['value']:,.2f} | {rule['sign']} {rule['target']:,} | {'met' if rule['met'] else '**missed**'} |")
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Scripts/bench --engine postgres", description="Measures SpanQueue on Postgres beside others.")
    parser.add_argument("--engine", choices=["postgres"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=100_000, help="jobs of a drain; in thousands")
    parser.add_argument("--depth", type=int, default=1_000_000)
    parser.add_argument("--snapshot-seconds", type=float, default=600)
    parser.add_argument("--only", action="append", default=[], help="only cells whose name holds this; may be repeated")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / ".bench/results-postgres")
    parser.add_argument("--spanq", type=Path, default=ROOT / ".build/release/spanq")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
