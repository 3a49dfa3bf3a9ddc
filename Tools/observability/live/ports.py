# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Free ports and waiting."""

import socket
import time
from collections.abc import Callable


class Waited(Exception):
    """What was waited for did not come."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60) -> float:
    """Waits until the condition holds; the seconds that took. Throws `Waited` after `seconds`."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise Waited(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.2)
    return time.monotonic() - start
