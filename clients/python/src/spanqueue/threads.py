# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Threads that call handlers which block: as many as there is work for, up to a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Work = Callable[[], None]


class Threads:
    """Daemons, so that a handler which never ends does not keep the process alive when everything else has ended."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._count = 0

    def run(self, work: Work) -> None:
        """From one thread at a time."""
        if not self._idle.acquire(blocking=False) and self._count < self._most:
            self._count += 1
            threading.Thread(target=self._serve, name=f"spanqueue-handler-{self._count}", daemon=True).start()
        self._queue.put(work)

    def close(self) -> None:
        """No more work comes; idle threads end."""
        for _ in range(self._count):
            self._queue.put(None)

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
            self._idle.release()
