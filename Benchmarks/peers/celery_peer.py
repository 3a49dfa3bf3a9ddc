# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Celery, prefork with two processes, results off: see peers.py for how it is run."""

import os
import sys
import time

from celery import Celery

app = Celery("peer", broker=os.environ["PEER_URL"])
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True
PAYLOAD = "x" * 170


@app.task(name="noop")
def noop(moment: float, text: str) -> None:
    if moment:
        with open(os.environ["PEER_LATENCIES"], "a") as file:
            file.write(f"{(time.time() - moment) * 1000}\n")


def one(count: int) -> None:
    for _ in range(count):
        noop.delay(0, PAYLOAD)


def paced(count: int, gap: float) -> None:
    for _ in range(count):
        noop.delay(time.time(), PAYLOAD)
        time.sleep(gap)


if __name__ == "__main__":
    from peers import main

    main(sys.argv, one=one, paced=paced)
