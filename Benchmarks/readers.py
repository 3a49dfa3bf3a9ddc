# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Readers of /metrics that are slow: each takes a page in small sips, and then asks for the next."""

from __future__ import annotations

import multiprocessing
import selectors
import signal
import socket
import time

SIP_BYTES, PAUSE_SECONDS = 1024, 0.1
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def ask(port: int) -> socket.socket | None:
    """Sends a request; none where nobody listens yet."""
    reader = socket.socket()
    # So little that the kernel does not take the page off the server at once.
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP_BYTES)
    try:
        reader.connect(("127.0.0.1", port))
        reader.sendall(REQUEST)
    except OSError:
        reader.close()
        return None
    return reader


def read(port: int, count: int) -> None:
    # The driver ends it, also when both get Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    readers: list[socket.socket | None] = [None] * count
    while True:
        for index, reader in enumerate(readers):
            try:
                # One that waits for its page waits a little, and lets the others read.
                if reader and not sip(reader):
                    reader.close()
                    readers[index] = None
            except OSError:
                readers[index] = None
            if not readers[index]:
                readers[index] = ask(port)
        time.sleep(PAUSE_SECONDS)


def sip(reader: socket.socket) -> bool:
    """Reads a little of what is there. False at the page's end."""
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        return not selector.select(timeout=0) or bool(reader.recv(SIP_BYTES))


class SlowReaders:
    """They begin when somebody listens on the port, and end with the block."""

    def __init__(self, port: int, count: int) -> None:
        self.process = multiprocessing.Process(target=read, args=(port, count), daemon=True)

    def __enter__(self) -> "SlowReaders":
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.join()
