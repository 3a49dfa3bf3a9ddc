# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Dramatiq with its defaults: two processes of eight threads here. See peers.py for how it is run."""

import os
import sys
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import default_middleware

# Its Prometheus middleware, where the version has one, is left out: the others do not count either.
broker = RedisBroker(
    url=os.environ["PEER_URL"],
    middleware=[m() for m in default_middleware if m.__name__ != "Prometheus"],
)
dramatiq.set_broker(broker)
PAYLOAD = "x" * 150


@dramatiq.actor
def noop(moment: float, text: str) -> None:
    if moment:
        with open(os.environ["PEER_LATENCIES"], "a") as file:
            file.write(f"{(time.time() - moment) * 1000}\n")


def one(count: int) -> None:
    for _ in range(count):
        noop.send(0, PAYLOAD)


def paced(count: int, gap: float) -> None:
    for _ in range(count):
        noop.send(time.time(), PAYLOAD)
        time.sleep(gap)


if __name__ == "__main__":
    from peers import main

    # A module that runs as a program has another name than the one that the workers import.
    import dramatiq_peer

    main(sys.argv, one=dramatiq_peer.one, paced=dramatiq_peer.paced)
