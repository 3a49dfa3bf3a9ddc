# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A producer and workers of a gateway, one after the other, until it is ended. usage: gateway_clients.py ADDRESS"""

import sys
import threading
import time

from spanqueue import Client, Context, NewJob, Worker


def handle(_: Context) -> None:
    # Longer than it takes to the next heartbeat.
    time.sleep(2)


def main(address: str) -> None:
    client = Client(address)
    # There always is a stream, and a handler that is free.
    idle = Worker(address, queues="gateway-idle")
    idle.handle("gateway:probe", handle)
    threading.Thread(target=idle.run, kwargs={"signals": False}, daemon=True).start()
    while True:
        client.enqueue_many([NewJob("gateway:probe", {}, queue="gateway") for _ in range(20)])
        worker = Worker(address, queues="gateway", lease=5)
        worker.handle("gateway:probe", handle)
        threading.Timer(6, worker.stop).start()
        worker.run(signals=False)


if __name__ == "__main__":
    main(sys.argv[1])
