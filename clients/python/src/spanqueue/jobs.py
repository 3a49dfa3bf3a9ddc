# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Jobs: as they are enqueued, and as the engine has stored them."""

from __future__ import annotations

import enum
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from spanqueue import tracing
from spanqueue.errors import Seconds
from spanqueue.v1 import job_pb2, producer_pb2


class JobState(str, enum.Enum):
    """Where a job stands."""

    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    HELD = "held"
    READY = "ready"
    ACTIVE = "active"
    RETRYING = "retrying"
    COMPLETED = "completed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether a job stays so unless a person acts."""
        return self in (JobState.COMPLETED, JobState.DEAD, JobState.CANCELLED)


#: By their numbers in the protocol. One that this version does not know is UNKNOWN.
_STATES = list(JobState)


def state_of(number: int) -> JobState:
    return _STATES[number] if number < len(_STATES) else JobState.UNKNOWN


@dataclass(frozen=True)
class Unique:
    """A lock in the job's queue: while it is held, an enqueue that wants the same is a duplicate.

    Jobs with the same `key` are alike; without one, those of the same type and payload are. The lock is held until the job has ended, or
    until it is started, or `lasting` seconds.
    """

    key: str = ""
    until_started: bool = False
    lasting: Seconds | None = None


@dataclass(frozen=True)
class Backoff:
    """The waits between attempts, in seconds: make one with `constant`, `exponential` or `linear`."""

    _message: producer_pb2.Backoff = field(repr=False)

    @staticmethod
    def constant(wait: Seconds) -> Backoff:
        """Always the same."""
        return Backoff(producer_pb2.Backoff(constant=duration(wait)))

    @staticmethod
    def exponential(base: Seconds, cap: Seconds) -> Backoff:
        """Between nothing and base × 2^(attempt − 1), at most `cap`, drawn evenly."""
        return Backoff(producer_pb2.Backoff(exponential={"base": duration(base), "cap": duration(cap)}))

    @staticmethod
    def linear(step: Seconds, cap: Seconds) -> Backoff:
        """step × attempt, at most `cap`."""
        return Backoff(producer_pb2.Backoff(linear={"step": duration(step), "cap": duration(cap)}))


@dataclass(frozen=True)
class NewJob:
    """A job to be enqueued. What is None is as the gateway is configured."""

    type: str
    #: bytes go as they are, everything else as JSON; None is no payload.
    payload: object = None
    queue: str = "default"
    #: Your own. The client makes one where it is empty, so that it may try again without adding the job twice.
    id: str = ""
    #: Not before; seconds from now.
    delay: Seconds | None = None
    #: Not before this moment.
    run_at: datetime | None = None
    #: 0 to 9: higher goes first.
    priority: int = 0
    unique: Unique | None = None
    #: Not started later than this, else dead.
    deadline: datetime | None = None
    #: As `deadline`, in seconds from now.
    expires_after: Seconds | None = None
    #: How many seconds one attempt may run.
    timeout: Seconds | None = None
    #: How often it is tried again after a failure, 0 to 1000.
    max_retries: int | None = None
    backoff: Backoff | None = None
    #: How many seconds the record is kept once the job has completed.
    retention: Seconds | None = None
    tags: Sequence[str] = ()

    def request(self) -> producer_pb2.EnqueueRequest:
        """The message that adds it, with the current OpenTelemetry context as its parent."""
        if self.delay is not None and self.run_at is not None:
            raise ValueError("a job has a delay or a run_at, not both")
        if self.deadline is not None and self.expires_after is not None:
            raise ValueError("a job has a deadline or an expires_after, not both")
        request = producer_pb2.EnqueueRequest(
            queue=self.queue,
            type=self.type,
            payload=encoded(self.payload),
            id=self.id or new_id(),
            priority=self.priority,
            max_retries=self.max_retries,
            tags=self.tags,
        )
        for name, value in tracing.injected().items():
            setattr(request, name, value)
        if self.delay is not None:
            request.delay.CopyFrom(duration(self.delay))
        if self.run_at is not None:
            request.run_at.CopyFrom(timestamp(self.run_at))
        if self.deadline is not None:
            request.deadline.CopyFrom(timestamp(self.deadline))
        if self.expires_after is not None:
            request.expires_after.CopyFrom(duration(self.expires_after))
        if self.timeout is not None:
            request.timeout.CopyFrom(duration(self.timeout))
        if self.retention is not None:
            request.retention.CopyFrom(duration(self.retention))
        if self.backoff is not None:
            request.backoff.CopyFrom(self.backoff._message)
        if self.unique is not None:
            request.unique.key = self.unique.key
            if self.unique.lasting is not None:
                request.unique.lasting.CopyFrom(duration(self.unique.lasting))
            elif self.unique.until_started:
                request.unique.until_started = True
            else:
                request.unique.until_finished = True
        return request


@dataclass(frozen=True)
class Receipt:
    """The engine's confirmation that a job is in the queue. It describes the job that is there."""

    id: str
    queue: str
    type: str
    #: Nothing was added, because another job, this one, holds the lock that was wanted.
    is_duplicate: bool
    state: JobState
    enqueued_at: datetime | None
    run_at: datetime | None
    trace_id: str

    @staticmethod
    def of(reply: producer_pb2.EnqueueReply) -> Receipt:
        return Receipt(
            id=reply.id,
            queue=reply.queue,
            type=reply.type,
            is_duplicate=reply.is_duplicate,
            state=state_of(reply.state),
            enqueued_at=moment(reply, "enqueued_at"),
            run_at=moment(reply, "run_at"),
            trace_id=reply.trace_id,
        )


@dataclass(frozen=True)
class JobRecord:
    """A job as the engine has stored it."""

    id: str
    queue: str
    type: str
    state: JobState
    #: Empty unless it was asked for.
    payload: bytes
    priority: int
    #: The attempt that runs, or the latest that ended; 0 before the first.
    attempt: int
    max_attempts: int
    enqueued_at: datetime | None
    #: When a scheduled or retrying job is due.
    due_at: datetime | None
    deadline: datetime | None
    #: The error of the latest attempt that failed; empty for none.
    last_error: str
    #: Why it is dead or was cancelled.
    end_reason: str
    #: What the handler left; None where it left nothing, or unless it was asked for.
    result: bytes | None
    #: How far the handler says it has come, 0 to 1.
    progress: float | None
    progress_note: str
    tags: tuple[str, ...]
    #: How often it was taken back from a worker that did not extend its lease.
    reclaims: int
    #: Of an active job: who runs it, and when its lease lapses unless it is extended.
    worker: str
    lease_until: datetime | None
    cancel_requested: bool
    trace_id: str

    @staticmethod
    def of(record: job_pb2.JobRecord) -> JobRecord:
        return JobRecord(
            id=record.id,
            queue=record.queue,
            type=record.type,
            state=state_of(record.state),
            payload=record.payload,
            priority=record.priority,
            attempt=record.attempt,
            max_attempts=record.max_attempts,
            enqueued_at=moment(record, "enqueued_at"),
            due_at=moment(record, "due_at"),
            deadline=moment(record, "deadline"),
            last_error=record.last_error,
            end_reason=record.end_reason,
            result=record.result if record.HasField("result") else None,
            progress=record.progress if record.HasField("progress") else None,
            progress_note=record.progress_note,
            tags=tuple(record.tags),
            reclaims=record.reclaims,
            worker=record.worker,
            lease_until=moment(record, "lease_until"),
            cancel_requested=record.cancel_requested,
            trace_id=record.trace_id,
        )


def encoded(value: object) -> bytes:
    """bytes as they are, nothing for None, everything else as JSON."""
    if value is None:
        return b""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def new_id() -> str:
    """32 hexadecimal digits that grow with time: milliseconds, then 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def seconds(value: Seconds) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else value


def duration(value: Seconds) -> Duration:
    milliseconds = round(seconds(value) * 1000)
    whole, rest = divmod(abs(milliseconds), 1000)
    sign = -1 if milliseconds < 0 else 1
    return Duration(seconds=sign * whole, nanos=sign * rest * 1_000_000)


def timestamp(value: datetime) -> Timestamp:
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone: use datetime.now(timezone.utc), for example")
    message = Timestamp()
    message.FromDatetime(value)
    return message


def moment(message: producer_pb2.EnqueueReply | job_pb2.JobRecord, name: str) -> datetime | None:
    if not message.HasField(name):
        return None
    found: datetime = getattr(message, name).ToDatetime(tzinfo=timezone.utc)
    return found
