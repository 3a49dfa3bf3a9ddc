# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A `Work` stream message by message, for what the package's own worker never says."""

from __future__ import annotations

import os
import threading
from typing import Any

import grpc
import pytest

from spanqueue import Client, NewJob, Receipt
from spanqueue.gateways import work_call
from spanqueue.testing import Gateway
from spanqueue.v1 import worker_pb2 as pb

IS_PATIENT = os.environ.get("SPANQ_TEST_PATIENCE") == "1"
#: For tests that take more than half a minute.
patient = pytest.mark.skipif(not IS_PATIENT, reason="takes more than half a minute: SPANQ_TEST_PATIENCE=1")


class RawStream:
    """A stream, message by message. It ends by itself after a minute, so that no test waits for ever."""

    def __init__(self, gateway: Gateway, *, address: str | None = None) -> None:
        self.channel = grpc.insecure_channel(address or gateway.address, [("grpc.max_send_message_length", -1)])
        self._ended = threading.Event()
        self._messages: list[pb.FromWorker] = []
        self._more = threading.Condition()
        self.call: Any = work_call(self.channel)(self._requests(), timeout=60)

    def _requests(self) -> Any:
        while True:
            with self._more:
                self._more.wait_for(lambda: self._messages or self._ended.is_set())
                if not self._messages:
                    return
                message = self._messages.pop(0)
            yield message

    def send(self, *messages: pb.FromWorker) -> None:
        with self._more:
            self._messages += messages
            self._more.notify()

    def open(self, queue: str, *, credit: int = 0, lease: int | None = None) -> RawStream:
        """Says hello, and asks for jobs."""
        self.send(hello(queue, lease=lease))
        assert next(self.call).HasField("welcome")
        if credit:
            self.send(pb.FromWorker(credit=pb.Credit(add=credit)))
        return self

    def jobs(self, count: int) -> list[pb.Job]:
        """The next jobs, so many; all else that comes meanwhile is passed over."""
        found: list[pb.Job] = []
        while len(found) < count:
            found += next(self.call).jobs.jobs
        return found

    def complete(self, job: pb.Job) -> int:
        """Sends a job's result. Returns how it was answered."""
        self.send(pb.FromWorker(results=pb.Results(results=[pb.Result(claim=job.claim, complete=pb.Complete())])))
        while True:
            for settlement in next(self.call).settled.settlements:
                if settlement.claim == job.claim:
                    return int(settlement.outcome)

    def status(self) -> tuple[grpc.StatusCode, str]:
        """How it ends."""
        try:
            for _ in self.call:
                pass
            return grpc.StatusCode.OK, ""
        except grpc.RpcError as error:
            return error.code(), error.details() or ""
        finally:
            self.close()

    def close(self) -> None:
        self._ended.set()
        with self._more:
            self._more.notify()
        self.call.cancel()
        self.channel.close()


def hello(queue: str, *, lease: int | None = None) -> pb.FromWorker:
    message = pb.FromWorker(hello=pb.Hello(protocol=1, worker=queue, lanes=[pb.Lane(queue=queue)]))
    if lease is not None:
        message.hello.lease.FromSeconds(lease)
    return message


def enqueued(client: Client, queue: str, count: int, payload: object = None) -> list[str]:
    """The ids of so many jobs."""
    jobs = [NewJob("job", n if payload is None else payload, queue=queue) for n in range(count)]
    ids = [receipt.id for receipt in client.enqueue_many(jobs) if isinstance(receipt, Receipt)]
    assert len(ids) == count
    return ids
