# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What a handler is given: the job, and how to speak with the queue while it runs."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from spanqueue.errors import Cancelled, DecodeError
from spanqueue.session import SHUTDOWN
from spanqueue.v1 import worker_pb2 as pb

logger = logging.getLogger("spanqueue")

_CAUSES = {
    pb.Cancel.CAUSE_TIMEOUT: "timeout",
    pb.Cancel.CAUSE_REQUESTED: "requested",
    pb.Cancel.CAUSE_LEASE_LOST: "lease_lost",
    SHUTDOWN: "shutdown",
}

_making = threading.Lock()


class Context:
    """One attempt of one job. Safe to use from the threads that a handler starts."""

    def __init__(self, job: pb.Job, report: Callable[[bytes, float, str], None]) -> None:
        self._job = job
        self._report = report
        self._cause: int | None = None
        #: Made when somebody waits: most handlers never do, and it costs more than the rest of this.
        self._stopped: threading.Event | None = None

    @property
    def id(self) -> str:
        return self._job.id

    @property
    def queue(self) -> str:
        return self._job.queue

    @property
    def type(self) -> str:
        return self._job.type

    @property
    def payload(self) -> bytes:
        return self._job.payload

    def json(self) -> Any:
        """The payload, read as JSON. Raises `DecodeError`, which makes the job a dead letter."""
        try:
            return json.loads(self._job.payload)
        except ValueError as error:
            raise DecodeError(f"the payload is not JSON: {error}") from error

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._job.attempt

    @property
    def max_attempts(self) -> int:
        return self._job.max_attempts

    @property
    def token(self) -> int:
        """Grows with each claim. A store that refuses lower ones lets no attempt that lost its lease overwrite a later one."""
        return self._job.token

    @property
    def priority(self) -> int:
        return self._job.priority

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self._job.tags)

    @property
    def enqueued_at(self) -> datetime:
        found: datetime = self._job.enqueued_at.ToDatetime(tzinfo=timezone.utc)
        return found

    @property
    def deadline(self) -> datetime | None:
        """No attempt begins after it."""
        return self._job.deadline.ToDatetime(tzinfo=timezone.utc) if self._job.HasField("deadline") else None

    @property
    def timeout(self) -> timedelta | None:
        """How long this attempt may run; then it is cancelled."""
        return self._job.timeout.ToTimedelta() if self._job.HasField("timeout") else None

    @property
    def traceparent(self) -> str:
        """The span of this attempt, which the gateway makes. It is the current context's already, if you use OpenTelemetry."""
        return self._job.traceparent

    @property
    def cancelled(self) -> bool:
        """Whether this handler is asked to end. An asyncio handler is cancelled then; one in a thread has to look."""
        return self._cause is not None

    @property
    def cancel_cause(self) -> str | None:
        """"requested" by a person, "timeout", "lease_lost" to another worker, or "shutdown" of this one; None while it may run."""
        return _CAUSES.get(self._cause, "unknown") if self._cause is not None else None

    def wait_cancelled(self, seconds: float | None = None) -> bool:
        """For threads: sleeps so long, or until this handler is asked to end. Whether it is."""
        with _making:
            if self._stopped is None:
                self._stopped = threading.Event()
            stopped = self._stopped
        # Code that sets the cause looks for the event afterwards.
        return self._cause is not None or stopped.wait(seconds)

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` if this handler is asked to end."""
        if self._cause is not None:
            raise Cancelled(f"asked to end: {self.cancel_cause}")

    def progress(self, fraction: float, note: str = "") -> None:
        """How far this attempt has come, 0 to 1, for people who watch. It is stored with the next heartbeat."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress is 0 to 1, not {fraction}")
        self._report(self._job.claim, fraction, note)

    def _stop(self, cause: int) -> None:
        # The first cause counts, but a lease that is lost tops all: nothing is to be sent then.
        if self._cause is None or cause == pb.Cancel.CAUSE_LEASE_LOST:
            self._cause = cause
        with _making:
            if self._stopped is not None:
                self._stopped.set()
