# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A worker as a process, for tests that kill, stop and drain it. It prints what happens, a line each.

usage: worker_process.py ADDRESSES QUEUE SECONDS [LEASE]     each job takes SECONDS
"""

from __future__ import annotations

import os
import sys
import time

from spanqueue import Context, Worker

addresses, queue, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
worker = Worker(addresses, queues=queue, concurrency=4, lease=float(sys.argv[4]) if len(sys.argv) > 4 else 30.0)


def say(line: str) -> None:
    """In one write: handlers speak at the same time."""
    os.write(1, f"{line}\n".encode())


@worker.job("*")
def work(context: Context) -> str:
    say(f"begun {context.id}")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if context.wait_cancelled(0.05):
            say(f"asked {context.id} {context.cancel_cause}")
            context.raise_if_cancelled()
    say(f"ended {context.id}")
    return worker.name


worker.run()
say("over")
