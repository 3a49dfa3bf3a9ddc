# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The other queues: how each is started, and how it is seen that it has done its work.

Each `…_peer` program takes `one N`, `many N` (where it has a way to enqueue many) or `paced N GAP`, and prints how long it
took. They share a Redis, a workload and the machine with SpanQueue; each runs as its own manual starts it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass
class Peer:
    name: str
    program: list[str]
    worker: list[str]
    #: A Redis command whose answer is the number of jobs that wait.
    waiting: list[str]
    has_many: bool = False
    note: str = ""
    environment: dict[str, str] = field(default_factory=dict)


def peers(environments: Path) -> list[Peer]:
    """- environments: the folder of the virtual environments `peers` and `celery`, which needs another redis-py."""

    def tool(name: str, environment: str = "peers") -> str:
        return str(environments / environment / "bin" / name)

    def program(name: str, environment: str = "peers") -> list[str]:
        return [tool("python", environment), str(HERE / f"{name}_peer.py")]

    return [
        Peer(
            "Sidekiq", ["ruby", str(HERE / "sidekiq_peer.rb")],
            ["sidekiq", "-r", str(HERE / "sidekiq_peer.rb"), "-q", "default", "-c", "10"],
            ["LLEN", "queue:default"], True, "loses what it runs when it is killed",
        ),
        Peer(
            "Celery", program("celery", "celery"),
            [tool("celery", "celery"), "-A", "celery_peer", "worker", "-c", "2", "-l", "error", "--without-gossip",
             "--without-mingle", "--without-heartbeat"],
            ["LLEN", "celery"],
        ),
        Peer("Dramatiq", program("dramatiq"), [tool("dramatiq"), "dramatiq_peer", "-p", "2", "-t", "8"],
             ["LLEN", "dramatiq:default"]),
        Peer("arq", program("arq"), [tool("arq"), "arq_peer.WorkerSettings"], ["ZCARD", "arq:queue"], True),
        Peer("saq", program("saq"), [tool("saq"), "saq_peer.settings"], ["LLEN", "saq:default:queued"], True),
        Peer("BullMQ (Python)", program("bullmq"), [*program("bullmq"), "work"], ["LLEN", "bull:bench:wait"], True),
    ]


def main(
    arguments: list[str], one: Callable[[int], None], paced: Callable[[int, float], None],
    many: Callable[[int], None] | None = None, work: Callable[[], None] | None = None,
) -> None:
    """What each Python peer does when it is called as a program."""
    action = arguments[1]
    if action == "work" and work:
        return work()
    count = int(arguments[2])
    start = time.monotonic()
    if action == "one":
        one(count)
    elif action == "many" and many:
        many(count)
    elif action == "paced":
        paced(count, float(arguments[3]))
    else:
        sys.exit(f"{arguments[0]}: can't {action}")
    print(json.dumps({"jobs": count, "seconds": time.monotonic() - start}))
