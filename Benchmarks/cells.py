# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What is measured of SpanQueue and of the floor: one cell a figure."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from collector import Collector, Refusing, Silent
from processes import free_port
from readers import SlowReaders
from redis_server import PrivateRedis
from spanq import Figures, Spanq

#: What a production runs with: traces of one job in a hundred.
SAMPLED = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}
ALL_TRACES = {"OTEL_TRACES_SAMPLER": "always_on"}
NO_TRACES = {"OTEL_SDK_DISABLED": "true"}
#: How many jobs are enough to count allocations.
COUNTED_JOBS = 20_000


@dataclass
class Cell:
    name: str
    run: Callable[[PrivateRedis], Figures]
    #: Cells of one group are compared with each other to a few per cent, so they run one after the other, several times a round.
    group: str | None = None


def spanqueue_cells(options: argparse.Namespace) -> list[Cell]:
    spanq = Spanq(options)
    jobs: int = options.jobs
    many, some, few = min(jobs, 100_000), min(jobs, 50_000), min(jobs, 5_000)

    def floor(name: str, count: int = jobs) -> Callable[[PrivateRedis], Figures]:
        return lambda redis: spanq.bench(redis, "--only", name, "--jobs", count)

    def bench(
        name: str, count: int, *more: object, traces: Mapping[str, str] | None = None, counted: bool = False
    ) -> Callable[[PrivateRedis], Figures]:
        """- traces: the sampler; none exports nothing. - counted: whether allocations are, in a run of their own."""

        def run(redis: PrivateRedis) -> Figures:
            words = ["--only", name, *more]
            if traces is None:
                figures = spanq.bench(redis, *words, "--jobs", count)
            else:
                with Collector() as collector:
                    figures = spanq.bench(
                        redis, *words, "--jobs", count, **traces, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
            if counted and (allocations := spanq.counting(redis, *words, "--jobs", COUNTED_JOBS)) is not None:
                figures["allocations"] = allocations
            return figures

        return run

    def lone_enqueue(redis: PrivateRedis) -> Figures:
        figures = bench("enqueue-one", some, traces=SAMPLED)(redis)
        if (calls := spanq.system_calls(redis, "--only", "enqueue-one")) is not None:
            figures["system_calls"] = calls
        return figures

    def drain(
        count: int, *more: object, traces: Mapping[str, str] | None = None, counted: bool = False,
        collector: type[Collector | Refusing | Silent] = Collector,
    ) -> Callable[[PrivateRedis], Figures]:
        """A process fills the queue and another drains it, so that the figures are those of a worker alone. Both have the same
        sampler: a job's attempts are sampled as its enqueue was."""

        def run(redis: PrivateRedis) -> Figures:
            shared = ["--only", "drain", "--prefix", "drain", *more, "--jobs", count]
            spanq.bench(redis, *shared, "--part", "fill", **(traces or NO_TRACES))
            with collector() if traces else nullcontext() as reached:
                environment = {**traces, "OTEL_EXPORTER_OTLP_ENDPOINT": reached.url} if traces else NO_TRACES
                figures = spanq.bench(redis, *shared, "--part", "run", **environment)
            if counted and (allocations := spanq.counting(redis, "--only", "drain", *more, "--jobs", COUNTED_JOBS)):
                figures["allocations"] = allocations
            return figures

        return run

    def plain_or_tls(name: str, tls: bool) -> Callable[[PrivateRedis], Figures]:
        def run(redis: PrivateRedis) -> Figures:
            figures = spanq.bench(redis, "--only", name, "--jobs", some, tls=tls)
            return {**figures, "us": 1e6 / figures["rate"]}

        return run

    def two_drains(redis: PrivateRedis) -> Figures:
        """Both work until the queue is empty; the rate is that of all jobs over the longer of the two times."""
        common = ["--only", "drain", "--jobs", jobs, "--prefix", "two"]
        spanq.bench(redis, *common, "--part", "fill")
        before = redis.cpu_seconds
        seconds = max(one["seconds"] for one in spanq.bench_twice(redis, *common, "--part", "run"))
        return {
            "jobs": jobs, "seconds": seconds, "rate": jobs / seconds,
            "redis_us": (redis.cpu_seconds - before) / jobs * 1e6,
        }

    def idle_latency(readers: int) -> Callable[[PrivateRedis], Figures]:
        """Of a process that serves /metrics."""

        def run(redis: PrivateRedis) -> Figures:
            port = free_port()
            words = ["--only", "idle-latency", "--jobs", min(few, 2_500), "--listen", f"127.0.0.1:{port}"]
            with SlowReaders(port, readers) if readers else nullcontext():
                return spanq.bench(redis, *words)

        return run

    cells = {
        "redis-benchmark, LPUSH, 50 clients": lambda redis: redis.benchmark(50, jobs),
        "floor enqueue": floor("floor-enqueue"),
        "floor drain": floor("floor-drain"),
        "floor enqueue, fields of a job": floor("floor-enqueue-job"),
        "floor drain, fields of a job": floor("floor-drain-job"),
        "enqueue from 64 tasks": bench("enqueue-tasks", jobs, traces=SAMPLED),
        "enqueue in bulk": bench("enqueue-bulk", jobs, traces=SAMPLED, counted=True),
        "enqueue in bulk, bytes": bench("enqueue-bytes", jobs, traces=SAMPLED),
        "enqueue in bulk, at depth 1,000": bench("enqueue-bulk", some, "--depth", 1_000),
        "enqueue in bulk, at depth 1,000,000": bench("enqueue-bulk", some, "--depth", 1_000_000),
        "drain, concurrency 10": drain(jobs, "--concurrency", 10, traces=SAMPLED),
        "drain, concurrency 100": drain(jobs, traces=SAMPLED, counted=True),
        "drain, no retention": drain(jobs, "--no-retention", traces=SAMPLED),
        "drain, two processes": two_drains,
        "drain, at depth 1,000": bench("drain", some, "--depth", 1_000),
        "drain, at depth 1,000,000": bench("drain", some, "--depth", 1_000_000),
        "drain, 10 queues": drain(jobs, "--queues", 10),
        "drain, 100 queues": drain(jobs, "--queues", 100),
        "drain, 1 KB": drain(some, "--payload", 1_000),
        "drain, 64 KB": drain(min(jobs, 4_000), "--payload", 64_000),
        "drain, 1 MB": drain(min(jobs, 300), "--payload", 1_000_000),
        "drain, each job fails once": bench("retries", some, traces=SAMPLED),
        "producer and worker together": bench("together", jobs, traces=SAMPLED),
        "idle latency": bench("idle-latency", min(few, 2_500), traces=SAMPLED),
        "schedule lag": bench("schedule-lag", min(jobs, 10_000), traces=SAMPLED),
        "idle worker": spanq.idle_worker,
        "idle worker, TLS": lambda redis: spanq.idle_worker(redis, tls=True),
        "start to first job": spanq.first_job,
    }
    # Two processes that take turns are as fast as the host wakes them, and that changes within minutes.
    alone = {
        "redis-benchmark, LPUSH, one client": lambda redis: redis.benchmark(1, some),
        "floor round trip": floor("round-trip", some),
        "floor round trip, enqueue's script": floor("enqueue-round-trip", some),
        "enqueue one after the other": lone_enqueue,
    }
    telemetry = {
        "drain, telemetry off": drain(many, "--no-metrics"),
        "drain, metrics only": drain(many),
        "drain, traces 1%, exported": drain(many, traces=SAMPLED),
        "drain, traces 100%, exported": drain(many, traces=ALL_TRACES),
        "drain, collector refuses": drain(many, traces=SAMPLED, collector=Refusing),
        "drain, collector never answers": drain(many, traces=SAMPLED, collector=Silent),
    }
    readers = {
        "idle latency, serving metrics": idle_latency(0),
        "idle latency, 20 slow readers": idle_latency(20),
    }
    encryption = {
        f"{title}, {'TLS' if tls else 'no TLS'}": plain_or_tls(name, tls)
        for title, name in [("enqueue in bulk", "enqueue-bulk"), ("enqueue one after the other", "enqueue-one")]
        for tls in (False, True)
    }
    groups: dict[str | None, dict[str, Callable[[PrivateRedis], Figures]]] = {
        None: cells, "alone": alone, "telemetry": telemetry, "readers": readers,
        "encryption": encryption,
    }
    return [Cell(name, run, group) for group, named in groups.items() for name, run in named.items()]
