# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Producers: add jobs, read them, cancel them. For threads; `spanqueue.aio` has the same for asyncio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import grpc

from spanqueue.errors import Seconds, SpanQueueError, Timeout, error_of_call, error_of_problem
from spanqueue.gateways import RETRYABLE, TLS, Deadline, Gateways, ProducerCalls
from spanqueue.jobs import Backoff, JobRecord, JobState, NewJob, Receipt, Unique, state_of
from spanqueue.v1 import producer_pb2

#: The most jobs of one call.
MOST_JOBS = 1_000
#: The most bytes of one call, unless one job alone has more: below what a gateway takes.
MOST_BYTES = 2 << 20
#: While so many calls for lone enqueues are under way, further ones wait and share the next.
MOST_CALLS = 2


class Client:
    """A producer, for threads. Safe to share between them: what they enqueue at the same time shares calls.

    Every enqueue has an id, the client's own where you give none, and is sent again while no gateway answers. So it is added once.
    Make the client after a fork, not before: gRPC's threads do not survive one.
    """

    def __init__(
        self,
        addresses: str | Sequence[str] | None = None,
        *,
        token: str | None = None,
        tls: TLS | None = None,
        timeout: float = 10.0,
    ) -> None:
        """`timeout`: how many seconds a call may take, with all its repetitions. `addresses` and `token`: see `Gateways`."""
        gateways = Gateways(addresses, token=token, tls=tls)
        self._timeout = timeout
        self._metadata = gateways.metadata
        self._channels = [gateways.channel(address) for address in gateways.addresses]
        self._calls = [ProducerCalls(channel) for channel in self._channels]
        self._turn = 0
        self._lock = threading.Lock()
        self._calling = 0
        self._waiting: list[_Waiting] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections. Calls that are under way fail."""
        for channel in self._channels:
            channel.close()

    def enqueue(
        self,
        type: str,
        payload: object = None,
        *,
        queue: str = "default",
        id: str = "",
        delay: Seconds | None = None,
        run_at: datetime | None = None,
        priority: int = 0,
        unique: Unique | None = None,
        deadline: datetime | None = None,
        expires_after: Seconds | None = None,
        timeout: Seconds | None = None,
        max_retries: int | None = None,
        backoff: Backoff | None = None,
        retention: Seconds | None = None,
        tags: Sequence[str] = (),
    ) -> Receipt:
        """Adds a job and returns the engine's receipt. `NewJob` says what each option means. Raises a `SpanQueueError`."""
        return self.enqueue_job(
            NewJob(
                type, payload, queue=queue, id=id, delay=delay, run_at=run_at, priority=priority, unique=unique,
                deadline=deadline, expires_after=expires_after, timeout=timeout, max_retries=max_retries,
                backoff=backoff, retention=retention, tags=tags,
            )
        )  # fmt: skip

    def enqueue_job(self, job: NewJob) -> Receipt:
        """As `enqueue`."""
        request = job.request()
        waiting = None
        with self._lock:
            if self._calling >= MOST_CALLS:
                waiting = _Waiting(request, time.monotonic() + self._timeout)
                self._waiting.append(waiting)
            else:
                self._calling += 1
        if waiting is None:
            try:
                return Receipt.of(self._call("enqueue", request, Deadline(self._timeout)))
            finally:
                self._pass_on()
        return waiting.result(self)

    def enqueue_many(self, jobs: Sequence[NewJob]) -> list[Receipt | SpanQueueError]:
        """Adds jobs of any mix of queues, each accepted or refused for itself: a receipt or an error for each, in their order.

        Raises only where a job can't be written as a message; then none was added.
        """
        requests = [job.request() for job in jobs]
        deadline = Deadline(self._timeout)
        parts = grouped(requests, lambda request: request.ByteSize())
        return [outcome for part in parts for outcome in self._many(part, deadline)]

    def get(self, id: str, *, queue: str = "", with_payload: bool = False) -> JobRecord:
        """Reads a job. `queue` spares the search through all. Raises `NotFound`."""
        request = producer_pb2.GetJobRequest(id=id, queue=queue, with_payload=with_payload)
        return JobRecord.of(self._call("get_job", request, Deadline(self._timeout)))

    def cancel(self, id: str, *, queue: str = "", reason: str = "") -> JobState:
        """Cancels a job: at once while it does not run, within a heartbeat while it runs. Returns where it stands now."""
        request = producer_pb2.CancelJobRequest(id=id, queue=queue, reason=reason)
        reply: producer_pb2.ActionReply = self._call("cancel_job", request, Deadline(self._timeout))
        return state_of(reply.state)

    def _many(self, requests: list[producer_pb2.EnqueueRequest], deadline: Deadline) -> list[Receipt | SpanQueueError]:
        """One batch. The jobs that were refused for now are sent again, until the deadline."""
        outcomes = Outcomes(len(requests))
        while outcomes.left:
            batch = producer_pb2.EnqueueBatchRequest(jobs=[requests[i] for i in outcomes.left])
            try:
                pause = outcomes.take(self._call("enqueue_batch", batch, deadline), deadline)
            except SpanQueueError as error:
                return outcomes.failed(error)
            time.sleep(pause)
        return outcomes.all

    def _call(self, name: str, request: Any, deadline: Deadline) -> Any:
        """One call, to the next gateway, and again where it may be better."""
        while True:
            turn = self._turn
            call = getattr(self._calls[turn % len(self._calls)], name)
            try:
                return call(request, timeout=deadline.left, metadata=self._metadata)
            except grpc.RpcError as failure:
                error = error_of_call(failure)
            except ValueError as failure:  # what gRPC raises on a channel that was closed
                raise SpanQueueError(str(failure), code="closed", may_have_run=False) from None
            pause = deadline.pause(error.retry_after) if error.code in RETRYABLE else None
            if pause is None:
                raise error
            self._turn = turn + 1
            time.sleep(pause)

    def _pass_on(self) -> None:
        """A call has ended: what waited meanwhile goes together, sent by the first of those who wait."""
        with self._lock:
            if not self._waiting:
                self._calling -= 1
                return
            group, self._waiting = self._waiting[:MOST_JOBS], self._waiting[MOST_JOBS:]
            group[0].lead(group)

    def _send(self, group: list[_Waiting]) -> None:
        deadline = Deadline(max(waiting.until for waiting in group) - time.monotonic())
        try:
            for members in grouped(group, lambda waiting: waiting.request.ByteSize()):
                for waiting, outcome in zip(members, self._many([m.request for m in members], deadline)):
                    waiting.resolve(outcome)
        finally:
            self._pass_on()


class _Waiting:
    """An enqueue that waits for others' calls to end. Then its thread is told to send the whole group, or gets its outcome."""

    def __init__(self, request: producer_pb2.EnqueueRequest, until: float) -> None:
        self.request = request
        self.until = until
        self._event = threading.Event()
        self._outcome: Receipt | SpanQueueError | None = None
        self._group: list[_Waiting] | None = None

    def lead(self, group: list[_Waiting]) -> None:
        """Under the client's lock, so that who leads can't leave."""
        self._group = group
        self._event.set()

    def resolve(self, outcome: Receipt | SpanQueueError) -> None:
        self._outcome = outcome
        self._event.set()

    def result(self, client: Client) -> Receipt:
        if not self._event.wait(self.until - time.monotonic()):
            if self._leave(client):
                raise Timeout("other enqueues took all the time", code="timeout", may_have_run=False)
            # It is being sent. A little longer: what the call says is better than a guess.
            self._event.wait(1.0)
        if self._group is not None:
            client._send(self._group)
        if self._outcome is None:
            raise Timeout("no answer in time", code="timeout")
        if isinstance(self._outcome, SpanQueueError):
            raise self._outcome
        return self._outcome

    def _leave(self, client: Client) -> bool:
        """Whether it was not sent yet; then it never will be."""
        with client._lock:
            if self in client._waiting:
                client._waiting.remove(self)
                return True
            return False


class Outcomes:
    """What became of the jobs of a batch so far, and which of them are to be sent (again)."""

    def __init__(self, count: int) -> None:
        self.left = list(range(count))
        self._found: dict[int, Receipt | SpanQueueError] = {}

    def take(self, reply: producer_pb2.EnqueueBatchReply, deadline: Deadline) -> float:
        """How many seconds to wait before what is left is sent."""
        again: list[int] = []
        retry_after = 0.0
        for index, outcome in zip(self.left, reply.outcomes):
            if outcome.HasField("reply"):
                self._found[index] = Receipt.of(outcome.reply)
                continue
            error = self._found[index] = error_of_problem(outcome.problem)
            if error.code in RETRYABLE:
                again.append(index)
                retry_after = max(retry_after, error.retry_after or 0.0)
        pause = deadline.pause(retry_after) if again else None
        self.left = again if pause is not None else []
        return pause or 0.0

    def failed(self, error: SpanQueueError) -> list[Receipt | SpanQueueError]:
        """The whole call failed: so did each job of it."""
        self._found.update((index, error) for index in self.left)
        return self.all

    @property
    def all(self) -> list[Receipt | SpanQueueError]:
        return [self._found[index] for index in sorted(self._found)]


Member = TypeVar("Member")


def grouped(members: Sequence[Member], size_of: Callable[[Member], int]) -> list[list[Member]]:
    """The members in groups of at most `MOST_JOBS` and about `MOST_BYTES`."""
    groups: list[list[Member]] = []
    total = 0
    for member in members:
        size = size_of(member)
        if not groups or len(groups[-1]) >= MOST_JOBS or total + size > MOST_BYTES:
            groups.append([])
            total = 0
        groups[-1].append(member)
        total += size
    return groups
