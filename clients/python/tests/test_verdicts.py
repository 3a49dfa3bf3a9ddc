# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""How a handler's end becomes the end of an attempt."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from spanqueue import Bury, Cancelled, DecodeError, Retry, Snooze
from spanqueue.session import SHUTDOWN
from spanqueue.v1 import worker_pb2 as pb
from spanqueue.verdicts import MOST_MESSAGE_BYTES, MOST_RESULT_BYTES, Outcome, result_of


def result(outcome: Outcome, cause: int | None = None) -> pb.Result:
    found = result_of(b"c", outcome, cause)
    assert found is not None
    return found


def raised(error: BaseException, cause: BaseException | None = None) -> Outcome:
    def my_handler() -> None:
        raise error from cause

    try:
        my_handler()
    except BaseException as caught:
        return Outcome(error=caught)
    raise AssertionError


@pytest.mark.parametrize(
    ("value", "stored"), [({"sent": "ä"}, '{"sent":"ä"}'.encode()), (b"\x00raw", b"\x00raw"), (0, b"0"), ("", b'""')]
)
def test_what_a_handler_returns_is_kept(value: object, stored: bytes) -> None:
    assert result(Outcome(value)).complete.result == stored


def test_nothing_leaves_what_is_there() -> None:
    found = result(Outcome(None))
    assert found.WhichOneof("verdict") == "complete" and not found.complete.HasField("result")


@pytest.mark.parametrize("value", [object(), bytes(MOST_RESULT_BYTES + 1)])
def test_a_result_that_can_not_be_kept_is_a_failed_attempt(value: object) -> None:
    found = result(Outcome(value))
    assert found.WhichOneof("verdict") == "retry" and found.failure.type in ("TypeError", "ValueError")


def test_an_exception_is_a_failed_attempt_with_its_type_its_words_and_its_place() -> None:
    found = result(raised(KeyError("user")))
    assert found.WhichOneof("verdict") == "retry" and not found.retry.HasField("delay")
    assert found.failure.type == "KeyError"
    lines = found.failure.message.splitlines()
    assert lines[0] == "'user'"
    assert lines[1].startswith("  at tests/test_verdicts.py:") and lines[1].endswith(" in my_handler")


def test_retry_says_when() -> None:
    found = result(raised(Retry("busy", after=timedelta(milliseconds=1500)), OSError("no route")))
    assert (found.retry.delay.seconds, found.retry.delay.nanos) == (1, 500_000_000)
    # What it was raised from says more than that it was raised.
    assert found.failure.type == "OSError"
    assert found.failure.message.startswith("busy\n")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Bury("gone"), pb.Bury.REASON_PERMANENT), (DecodeError("not JSON"), pb.Bury.REASON_DECODE_ERROR)],
)
def test_bury(error: Bury, reason: int) -> None:
    found = result(raised(error))
    assert found.bury.reason == reason and found.failure.message.startswith(str(error))


def test_snooze_charges_nothing_and_fails_nothing() -> None:
    found = result(raised(Snooze(0.25)))
    assert found.snooze.delay.nanos == 250_000_000 and not found.HasField("failure")


def test_a_handler_may_cancel_its_job() -> None:
    assert result(raised(Cancelled("no longer wanted"))).cancelled.reason == "no longer wanted"


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [(pb.Cancel.CAUSE_REQUESTED, "cancelled"), (pb.Cancel.CAUSE_TIMEOUT, "retry"), (SHUTDOWN, "release")],
)
def test_a_handler_that_was_asked_to_end_ends_as_the_cause_says(cause: int, verdict: str) -> None:
    for error in (asyncio.CancelledError(), Cancelled("asked"), RuntimeError("broken off")):
        assert result(raised(error), cause).WhichOneof("verdict") == verdict
    # What was done all the same is done.
    assert result(Outcome(1), cause).WhichOneof("verdict") == "complete"


def test_nothing_is_sent_for_a_lost_lease() -> None:
    assert result_of(b"c", Outcome(1), pb.Cancel.CAUSE_LEASE_LOST) is None


def test_a_task_that_nobody_asked_to_end_is_a_failed_attempt() -> None:
    found = result(raised(asyncio.CancelledError()))
    assert found.WhichOneof("verdict") == "retry" and found.failure.type == "CancelledError"


def test_long_words_are_cut_between_characters() -> None:
    found = result(raised(ValueError("x" + "€" * 2_000)))
    assert MOST_MESSAGE_BYTES - 3 <= len(found.failure.message.encode()) <= MOST_MESSAGE_BYTES
    assert set(found.failure.message) == {"x", "€"}


def test_an_own_description_replaces_all() -> None:
    found = result_of(b"c", raised(ValueError("secret")), None, lambda error: "it failed")
    assert found is not None and found.failure.message == "it failed"
