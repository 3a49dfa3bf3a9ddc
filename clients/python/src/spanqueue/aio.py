# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Producers for asyncio: what `spanqueue.client` has for threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import grpc
import grpc.aio

from spanqueue.client import MOST_CALLS, MOST_JOBS, Outcomes, grouped
from spanqueue.errors import Seconds, SpanQueueError, error_of_call
from spanqueue.gateways import RETRYABLE, TLS, Deadline, Gateways, ProducerCalls
from spanqueue.jobs import Backoff, JobRecord, JobState, NewJob, Receipt, Unique, state_of
from spanqueue.v1 import producer_pb2


class AsyncClient:
    """A producer, for one event loop. What its tasks enqueue at the same time shares calls.

    Every enqueue has an id, the client's own where you give none, and is sent again while no gateway answers. So it is added once.
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
        self._gateways = Gateways(addresses, token=token, tls=tls)
        self._timeout = timeout
        self._channels: list[grpc.aio.Channel] = []
        self._calls: list[ProducerCalls] = []
        self._turn = 0
        self._calling = 0
        self._waiting: list[tuple[producer_pb2.EnqueueRequest, asyncio.Future[Receipt | SpanQueueError], float]] = []
        self._senders: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connections. Calls that are under way fail."""
        for channel in self._channels:
            await channel.close()
        await asyncio.gather(*self._senders, return_exceptions=True)

    async def enqueue(
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
        return await self.enqueue_job(
            NewJob(
                type, payload, queue=queue, id=id, delay=delay, run_at=run_at, priority=priority, unique=unique,
                deadline=deadline, expires_after=expires_after, timeout=timeout, max_retries=max_retries,
                backoff=backoff, retention=retention, tags=tags,
            )
        )  # fmt: skip

    async def enqueue_job(self, job: NewJob) -> Receipt:
        """As `enqueue`."""
        request = job.request()
        if self._calling >= MOST_CALLS:
            future: asyncio.Future[Receipt | SpanQueueError] = asyncio.get_running_loop().create_future()
            self._waiting.append((request, future, time.monotonic() + self._timeout))
            outcome = await future
            if isinstance(outcome, SpanQueueError):
                raise outcome
            return outcome
        self._calling += 1
        try:
            return Receipt.of(await self._call("enqueue", request, Deadline(self._timeout)))
        finally:
            self._pass_on()

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> list[Receipt | SpanQueueError]:
        """Adds jobs of any mix of queues, each accepted or refused for itself: a receipt or an error for each, in their order.

        Raises only where a job can't be written as a message; then none was added.
        """
        requests = [job.request() for job in jobs]
        deadline = Deadline(self._timeout)
        outcomes: list[Receipt | SpanQueueError] = []
        for part in grouped(requests, lambda request: request.ByteSize()):
            outcomes += await self._many(part, deadline)
        return outcomes

    async def get(self, id: str, *, queue: str = "", with_payload: bool = False) -> JobRecord:
        """Reads a job. `queue` spares the search through all. Raises `NotFound`."""
        request = producer_pb2.GetJobRequest(id=id, queue=queue, with_payload=with_payload)
        return JobRecord.of(await self._call("get_job", request, Deadline(self._timeout)))

    async def cancel(self, id: str, *, queue: str = "", reason: str = "") -> JobState:
        """Cancels a job: at once while it does not run, within a heartbeat while it runs. Returns where it stands now."""
        request = producer_pb2.CancelJobRequest(id=id, queue=queue, reason=reason)
        reply: producer_pb2.ActionReply = await self._call("cancel_job", request, Deadline(self._timeout))
        return state_of(reply.state)

    async def _many(self, requests: list[producer_pb2.EnqueueRequest], deadline: Deadline) -> list[Receipt | SpanQueueError]:
        """One batch. The jobs that were refused for now are sent again, until the deadline."""
        outcomes = Outcomes(len(requests))
        while outcomes.left:
            batch = producer_pb2.EnqueueBatchRequest(jobs=[requests[i] for i in outcomes.left])
            try:
                pause = outcomes.take(await self._call("enqueue_batch", batch, deadline), deadline)
            except SpanQueueError as error:
                return outcomes.failed(error)
            await asyncio.sleep(pause)
        return outcomes.all

    async def _call(self, name: str, request: Any, deadline: Deadline) -> Any:
        """One call, to the next gateway, and again where it may be better."""
        if not self._calls:
            # Here, not in the initialiser: a channel belongs to the loop that runs when it is made.
            self._channels = [self._gateways.aio_channel(address) for address in self._gateways.addresses]
            self._calls = [ProducerCalls(channel) for channel in self._channels]
        while True:
            turn = self._turn
            call = getattr(self._calls[turn % len(self._calls)], name)
            try:
                return await call(request, timeout=deadline.left, metadata=self._gateways.metadata)
            except grpc.RpcError as failure:
                error = error_of_call(failure)
            except grpc.aio.UsageError as failure:  # the channel was closed
                raise SpanQueueError(str(failure), code="closed", may_have_run=False) from None
            pause = deadline.pause(error.retry_after) if error.code in RETRYABLE else None
            if pause is None:
                raise error
            self._turn = turn + 1
            await asyncio.sleep(pause)

    def _pass_on(self) -> None:
        """A call has ended: what waited meanwhile goes together."""
        # Those whose tasks were cancelled have gone.
        waiting = [entry for entry in self._waiting if not entry[1].done()]
        group, self._waiting = waiting[:MOST_JOBS], waiting[MOST_JOBS:]
        if not group:
            self._calling -= 1
            return
        sender = asyncio.get_running_loop().create_task(self._send(group))
        self._senders.add(sender)
        sender.add_done_callback(self._senders.discard)

    async def _send(
        self, group: list[tuple[producer_pb2.EnqueueRequest, asyncio.Future[Receipt | SpanQueueError], float]]
    ) -> None:
        deadline = Deadline(max(until for _, _, until in group) - time.monotonic())
        try:
            for members in grouped(group, lambda entry: entry[0].ByteSize()):
                outcomes = await self._many([request for request, _, _ in members], deadline)
                for (_, future, _), outcome in zip(members, outcomes):
                    if not future.done():
                        future.set_result(outcome)
        finally:
            for _, future, _ in group:
                if not future.done():
                    future.set_result(SpanQueueError("the client ended", code="closed"))
            self._pass_on()
