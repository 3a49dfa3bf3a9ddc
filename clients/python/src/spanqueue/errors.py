# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What goes wrong: errors of calls, and the exceptions by which a handler says how its attempt ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc

from spanqueue.v1 import job_pb2, status_pb2

Seconds = float | timedelta


class SpanQueueError(Exception):
    """A call that did not succeed, in one line for a person."""

    def __init__(
        self, message: str, *, code: str = "engine", may_have_run: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        #: SpanQueue's own word for it, to switch on: "invalid_argument", "conflict", "unavailable" and so on.
        self.code = code
        #: False where nothing was done, and nothing will be.
        self.may_have_run = may_have_run
        #: Seconds to wait at least before another try; None where another try does not help, or nothing was said.
        self.retry_after = retry_after


class InvalidArgument(SpanQueueError):
    """Something is out of its bounds; nothing was done."""


class Conflict(SpanQueueError):
    """The id is taken by a job with another type or payload."""


class NotFound(SpanQueueError):
    """There is no such job."""


class InvalidState(SpanQueueError):
    """The job's state, or the engine's version, does not allow it."""


class Denied(SpanQueueError):
    """The gateway does not know this caller, or does not let it do this."""


class Unavailable(SpanQueueError):
    """No gateway, or no engine behind it, could be reached."""


class Timeout(SpanQueueError):
    """There was no answer in time."""


class Overloaded(SpanQueueError):
    """The engine is full, or too much waits for it."""


class Superseded(SpanQueueError):
    """Another worker has taken this one's name."""


_KINDS: dict[grpc.StatusCode, type[SpanQueueError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: InvalidState,
    grpc.StatusCode.PERMISSION_DENIED: Denied,
    grpc.StatusCode.UNAUTHENTICATED: Denied,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Timeout,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.ABORTED: Superseded,
}
_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

#: What was refused before anything was done.
_NOTHING_DONE = (InvalidArgument, Conflict, NotFound, InvalidState, Denied)


def _kind(code: grpc.StatusCode) -> type[SpanQueueError]:
    return _KINDS.get(code, SpanQueueError)


def error_of_call(call: grpc.RpcError) -> SpanQueueError:
    """The error that a call ended with, with what the gateway says about it in `google.rpc.ErrorInfo` and `RetryInfo`."""
    code: grpc.StatusCode = call.code()
    kind = _kind(code)
    error = kind(
        call.details() or code.name, code=code.name.lower(), may_have_run=not issubclass(kind, _NOTHING_DONE)
    )
    trailers: Any = call.trailing_metadata() or ()
    for key, value in trailers:
        if key != "grpc-status-details-bin":
            continue
        status = status_pb2.Status.FromString(value)
        for detail in status.details:
            name = detail.type_url.rpartition("/")[2]
            if name == "google.rpc.ErrorInfo":
                info = status_pb2.ErrorInfo.FromString(detail.value)
                error.code = info.reason.lower()
                if "may_have_run" in info.metadata:
                    error.may_have_run = info.metadata["may_have_run"] != "false"
            elif name == "google.rpc.RetryInfo":
                error.retry_after = status_pb2.RetryInfo.FromString(detail.value).retry_delay.ToTimedelta().total_seconds()
    return error


def error_of_problem(problem: job_pb2.Problem) -> SpanQueueError:
    """The error of one job of a batch."""
    kind = _kind(_BY_NUMBER.get(problem.code, grpc.StatusCode.UNKNOWN))
    retry_after = problem.retry_after.ToTimedelta().total_seconds() if problem.HasField("retry_after") else None
    return kind(
        problem.message or problem.reason, code=problem.reason, may_have_run=problem.may_have_run, retry_after=retry_after
    )


class Retry(Exception):
    """Raised by a handler: this attempt failed. Try the job again, after `after` seconds or as its backoff says."""

    def __init__(self, message: str = "", *, after: Seconds | None = None) -> None:
        super().__init__(message or "the handler asked for another attempt")
        self.after = after


class Bury(Exception):
    """Raised by a handler: trying again does not help. The job becomes a dead letter."""


class DecodeError(Bury):
    """Raised by `Context.json()` and by handlers: the payload can't be read. The job becomes a dead letter."""


class Snooze(Exception):
    """Raised by a handler: put the job off for `delay` seconds. No attempt is charged."""

    def __init__(self, delay: Seconds) -> None:
        super().__init__("put off")
        self.delay = delay


class Cancelled(Exception):
    """Raised by `Context.raise_if_cancelled()`, and by handlers that cancel their own job."""
