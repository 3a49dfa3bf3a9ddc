# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What the package offers to other people's tests."""

from __future__ import annotations

import pytest

from spanqueue import Bury, Context, Retry, Snooze, Worker
from spanqueue.testing import perform


@pytest.fixture
def worker() -> Worker:
    worker = Worker()

    @worker.job("sum")
    def total(context: Context) -> int:
        numbers: list[int] = context.json()
        context.progress(0.5, f"{len(numbers)} numbers")
        return sum(numbers)

    @worker.job("email:*")
    async def email(context: Context) -> None:
        if context.attempt == 1:
            raise Retry("busy", after=2.5)
        raise Snooze(60) if context.attempt == 2 else Bury(f"{context.type} to nobody")

    return worker


def test_perform_calls_a_handler_once(worker: Worker) -> None:
    done = perform(worker, "sum", [1, 2, 3])
    assert (done.verdict, done.result, done.progress) == ("complete", b"6", (0.5, "3 numbers"))


def test_perform_says_how_it_would_end(worker: Worker) -> None:
    assert perform(worker, "sum", b"{").error_type == "DecodeError"
    first = perform(worker, "email:welcome")
    assert (first.verdict, first.delay, first.error.splitlines()[0]) == ("retry", 2.5, "busy")
    assert perform(worker, "email:welcome", attempt=2).delay == 60
    last = perform(worker, "email:welcome", attempt=3)
    assert (last.verdict, last.error.splitlines()[0]) == ("bury", "email:welcome to nobody")
    assert perform(worker, "sms:welcome").verdict == "unhandled"


def test_the_longest_pattern_that_fits_counts(worker: Worker) -> None:
    special, exact = (lambda context: 1), (lambda context: 2)
    worker.handle("email:special:*", special)
    worker.handle("email:special:one", exact)
    assert worker.handler_of("email:special:two") is special
    assert worker.handler_of("email:special:one") is exact
    with pytest.raises(ValueError, match="has a handler already"):
        worker.handle("sum", special)


def test_a_worker_that_can_not_work_says_so_at_once() -> None:
    with pytest.raises(RuntimeError, match="no handler"):
        Worker().run()
    with pytest.raises(ValueError, match="concurrency"):
        Worker(concurrency=0)
