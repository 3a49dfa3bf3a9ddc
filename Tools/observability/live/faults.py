# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The faults of the fire drill: how each is made and healed, and what it must tell.

The load beside them is steady: every second a few jobs to each of the queues `critical` and `default`. All times are those of the
shipped rules; the drill divides them.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drill_stack import DrillStack

# Waits burn the objective when late jobs are claimed at last, and longer windows remember for longer.
BURN = {name: "jobs that waited count when they are claimed, and the longer windows remember it"
        for name in ("SpanqWaitBurnFast", "SpanqWaitBurnSlow", "SpanqWaitBurnLong")}


@dataclass(frozen=True)
class Alert:
    """What has to be told: `what` is the alert and its queue, or the job of its target; `within` counts from the fault."""

    what: str
    channel: str
    within: str


@dataclass(frozen=True)
class Fault:
    name: str
    make: Callable[[DrillStack], None]
    heal: Callable[[DrillStack], None]
    alerts: list[Alert]
    may: dict[str, str] = field(default_factory=dict)
    """What may follow by right, by the alert's name, and why."""
    resolved: str = "20m"
    """Within which all is resolved after the repair."""


def jobs(queue: str, count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"type": f"{queue}:work", "queue": queue, "payload": "work"} | more] * count


LONG = jobs("critical", 1, type="critical:long", payload="long")[0]


def stop_workers(stack: DrillStack) -> None:
    for name in stack.workers:
        stack.processes.stop(name)


def start_workers(stack: DrillStack) -> None:
    for name in stack.workers:
        stack.start_worker(name)


def poison(stack: DrillStack) -> None:
    stack.load.lines += jobs("default", 4, type="email:broken", payload="poison", max_retries=0)


def cure(stack: DrillStack) -> None:
    stack.load.lines[:] = [line for line in stack.load.lines if line["payload"] != "poison"]
    time.sleep(2)
    stack.run("dead", "purge", "--queue", "default", "--yes")


def kill_worker(stack: DrillStack) -> None:
    stack.put_into_job("worker-1", LONG)
    stack.processes.stop("worker-1", signal.SIGKILL)


def pause(stack: DrillStack) -> None:
    stack.run("queue", "pause", "reports")
    stack.enqueue(jobs("reports", 5))


def resume(stack: DrillStack) -> None:
    stack.run("queue", "resume", "reports")


def fill(stack: DrillStack) -> None:
    """More than is worked off, and it does not end."""
    stack.load.flood = jobs("bulk", 400, payload="bulk")


def empty(stack: DrillStack) -> None:
    stack.load.end_flood()
    stack.run("queue", "purge", "bulk", "--yes")


def stop_redis(stack: DrillStack) -> None:
    """In the midst of jobs whose leases have to be extended."""
    stack.put_into_job("worker-1", LONG)
    stack.processes.stop("redis-server")


FAULTS = [
    Fault("stop the workers", stop_workers, start_workers,
          [Alert("SpanqNoWorkers critical", "page", "2m10s"), Alert("SpanqNoWorkers default", "page", "2m10s"),
           Alert("SpanqTargetDown spanq", "ticket", "6m")], BURN),
    Fault("poison a job type", poison, cure,
          [Alert("SpanqDeadLetterBurst default", "page", "11m10s"), Alert("SpanqFailureRatioHigh default", "ticket", "16m")],
          {"SpanqDeadLettersGrowing": "tells the same more slowly, until a burst silences it"}),
    Fault("kill a worker in mid-job", kill_worker, lambda stack: stack.start_worker("worker-1"),
          [Alert("SpanqLeasesReclaimed critical", "ticket", "3m"), Alert("SpanqTargetDown spanq", "ticket", "6m")]),
    Fault("pause a queue", pause, resume, [Alert("SpanqQueuePausedLong reports", "ticket", "1h6m")]),
    Fault("fill a queue", fill, empty,
          [Alert("SpanqOldestJobTooOld bulk", "page", "12m"), Alert("SpanqWaitBurnFast bulk", "page", "10m"),
           Alert("SpanqDepthHigh bulk", "ticket", "20m"), Alert("SpanqDepthGrowing bulk", "ticket", "45m"),
           Alert("SpanqWorkersSaturated", "ticket", "25m")], BURN),
    Fault("stop the collector", lambda stack: stack.collector.stop(), lambda stack: stack.collector.start(),
          [Alert("SpanqTelemetryDropped spanq", "ticket", "10m"), Alert("SpanqTargetDown tempo", "ticket", "6m")]),
    Fault("stop Redis", stop_redis, lambda stack: stack.start_redis(),
          [Alert("SpanqRedisUnreachable redis", "direct", "2m"), Alert("SpanqRedisUnreachable", "direct", "7m")],
          BURN | {"SpanqLeasesReclaimed": "jobs whose leases lapsed meanwhile are reclaimed"}),
]
