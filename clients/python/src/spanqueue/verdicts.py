# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""How a handler's end becomes the end of an attempt."""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from spanqueue.errors import Bury, Cancelled, DecodeError, Retry, Snooze
from spanqueue.jobs import duration, encoded
from spanqueue.session import SHUTDOWN
from spanqueue.v1 import worker_pb2 as pb

#: What a gateway keeps of a handler's result.
MOST_RESULT_BYTES = 64 << 10
#: How many of the innermost frames an error's text names.
FRAMES = 3
#: Bytes of an error's text that are kept.
MOST_MESSAGE_BYTES = 2_048

_OURS = os.path.dirname(__file__) + os.sep


@dataclass(frozen=True)
class Outcome:
    """How a handler has ended: with a value, or with an exception."""

    value: object = None
    error: BaseException | None = None


def result_of(
    claim: bytes, outcome: Outcome, cause: int | None, describe: Callable[[BaseException], str] | None = None
) -> pb.Result | None:
    """The result to send; None where there is none. `cause`: why the handler was asked to end, if it was."""
    if cause == pb.Cancel.CAUSE_LEASE_LOST:
        return None
    result = pb.Result(claim=claim)
    error = outcome.error
    if error is None:
        try:
            value = encoded(outcome.value)
            if len(value) > MOST_RESULT_BYTES:
                raise ValueError(f"the handler's result has {len(value)} bytes; {MOST_RESULT_BYTES} at most")
            # Set even where it is empty: the oneof says that it is this.
            result.complete.SetInParent()
            if outcome.value is not None:
                result.complete.result = value
            return result
        except (TypeError, ValueError) as unfit:
            error = unfit
    if cause == SHUTDOWN:
        result.release.SetInParent()
    elif cause == pb.Cancel.CAUSE_REQUESTED:
        result.cancelled.SetInParent()
    elif cause == pb.Cancel.CAUSE_TIMEOUT:
        result.retry.SetInParent()
        result.failure.type = "Timeout"
        result.failure.message = "it ran longer than its timeout"
    elif isinstance(error, Snooze):
        result.snooze.delay.CopyFrom(duration(error.delay))
    elif isinstance(error, Cancelled):
        result.cancelled.reason = shortened(str(error))
    else:
        if isinstance(error, Bury):
            permanent, unreadable = pb.Bury.REASON_PERMANENT, pb.Bury.REASON_DECODE_ERROR
            result.bury.reason = unreadable if isinstance(error, DecodeError) else permanent
        else:
            result.retry.SetInParent()
            if isinstance(error, Retry) and error.after is not None:
                result.retry.delay.CopyFrom(duration(error.after))
        result.failure.type = name_of(error)
        result.failure.message = shortened((describe or described)(error))
    return result


def name_of(error: BaseException) -> str:
    """Of few values, fit for a label. What a handler's own word for it was raised from says more than that word."""
    cause = error.__cause__
    if isinstance(error, (Retry, Bury)) and cause is not None and not isinstance(error, DecodeError):
        return type(cause).__name__[:64]
    return type(error).__name__[:64]


def described(error: BaseException) -> str:
    """What the exception says, and the innermost frames of its traceback: files, lines and functions, never values."""
    if isinstance(error, asyncio.CancelledError):
        return "the handler's task was cancelled"
    text = str(error) or type(error).__name__
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(_OURS)]
    places = [f"  at {'/'.join(f.filename.split('/')[-2:])}:{f.lineno} in {f.name}" for f in reversed(frames[-FRAMES:])]
    return "\n".join([text, *places])


def shortened(text: str) -> str:
    """At most `MOST_MESSAGE_BYTES` of UTF-8."""
    return text.encode("utf-8", "replace")[:MOST_MESSAGE_BYTES].decode("utf-8", "ignore")


def unhandled(claim: bytes) -> pb.Result:
    return pb.Result(claim=claim, unhandled=pb.Unhandled())


def expired(claim: bytes) -> pb.Result:
    return pb.Result(claim=claim, bury=pb.Bury(reason=pb.Bury.REASON_EXPIRED))
