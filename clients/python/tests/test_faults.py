# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What is lost when gateways and workers die: nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import grpc
import pytest

from raw import RawStream, enqueued, hello
from spanqueue import Client, Context, JobState, Worker
from spanqueue.testing import Gateway, running, wait_for, wait_until
from spanqueue.v1 import worker_pb2 as pb


class Runs:
    """A handler that notes when each attempt of each job began."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begun: list[tuple[str, float]] = []

    def __call__(self, context: Context) -> None:
        self.begun.append((context.id, time.monotonic()))
        time.sleep(self._seconds)


def test_a_killed_gateway_loses_nothing_and_repeats_nothing(
    client: Client, queue: str, new_gateway: Callable[..., Gateway]
) -> None:
    gateways = [new_gateway(), new_gateway()]
    worker = Worker([gateway.address for gateway in gateways], queues=queue, concurrency=16)
    runs = Runs(0.03)
    worker.handle("job", runs)
    ids = enqueued(client, queue, 800)
    with running(worker):
        wait_until(lambda: len(runs.begun) > 200, "it is in the middle")
        # The first address is taken first.
        gateways[0].kill()
        killed_at = time.monotonic()
        records = [wait_for(client, id, queue=queue) for id in ids]
    assert {record.state for record in records} == {JobState.COMPLETED}
    assert {record.reclaims for record in records} == {0}
    # What the client had is finished by it; what it never had was given back or lapses: run again only where it had not run.
    assert sorted(id for id, _ in runs.begun) == sorted(ids)
    after = sorted(at - killed_at for _, at in runs.begun if at > killed_at)
    assert after, "nothing was left to do when it was killed"
    gaps = [later - earlier for earlier, later in zip([0.0, *after], after)]
    # 2 s are promised, and this machine may be busy.
    assert max(gaps) < 6


def test_a_draining_gateway_is_left_for_another(client: Client, queue: str, new_gateway: Callable[..., Gateway]) -> None:
    gateways = [new_gateway(), new_gateway()]
    worker = Worker([gateway.address for gateway in gateways], queues=queue, concurrency=8)
    runs = Runs(0.05)
    worker.handle("job", runs)
    ids = enqueued(client, queue, 200)
    with running(worker):
        wait_until(lambda: len(runs.begun) > 50, "it is in the middle")
        gateways[0].process.send_signal(signal.SIGTERM)
        assert gateways[0].process.wait(10) == 0
        records = [wait_for(client, id, queue=queue) for id in ids]
    assert {(r.state, r.attempt, r.reclaims) for r in records} == {(JobState.COMPLETED, 1, 0)}
    assert len(runs.begun) == len(ids)


def test_a_gateway_that_starts_again_takes_its_workers_back(client: Client, queue: str, new_gateway: Callable[..., Gateway]) -> None:
    gateway = new_gateway()
    worker = Worker(gateway.address, queues=queue)
    runs = Runs(1.0)
    worker.handle("job", runs)
    id = client.enqueue("job", queue=queue).id
    with running(worker):
        wait_until(lambda: len(runs.begun) == 1, "the handler has begun")
        gateway.kill()
        time.sleep(0.2)
        new_gateway(gateway.address)
        record = wait_for(client, id, queue=queue)
    assert (record.state, record.attempt, record.reclaims, len(runs.begun)) == (JobState.COMPLETED, 1, 0, 1)


def test_a_stream_that_begins_with_anything_but_hello_is_refused(spanq_gateway: Gateway) -> None:
    stream = RawStream(spanq_gateway)
    stream.send(pb.FromWorker(credit=pb.Credit(add=1)))
    assert stream.status()[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_a_stream_without_hello_ends(spanq_gateway: Gateway) -> None:
    begun = time.monotonic()
    assert RawStream(spanq_gateway).status()[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    assert 4 < time.monotonic() - begun < 30


@pytest.mark.parametrize(
    "message",
    [
        pb.FromWorker(received=pb.Received(number=5)),
        pb.FromWorker(hello=pb.Hello(protocol=1)),
        pb.FromWorker(heartbeat=pb.HeartbeatRequest(claims=[b"c%d" % n for n in range(1_001)])),
        pb.FromWorker(results=pb.Results(results=[pb.Result(claim=b"c")] * 1_001)),
    ],
    ids=lambda message: str(message.WhichOneof("kind")),
)
def test_what_breaks_the_rules_ends_the_stream(spanq_gateway: Gateway, queue: str, message: pb.FromWorker) -> None:
    stream = RawStream(spanq_gateway)
    stream.send(hello(queue))
    assert next(stream.call).HasField("welcome")
    stream.send(message)
    assert stream.status()[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_a_message_over_the_limit_ends_the_stream_and_not_the_gateway(spanq_gateway: Gateway, client: Client, queue: str) -> None:
    stream = RawStream(spanq_gateway)
    stream.send(hello(queue))
    assert next(stream.call).welcome.max_message_bytes > 0
    result = pb.Result(claim=b"c", complete=pb.Complete(result=bytes(20 << 20)))
    stream.send(pb.FromWorker(results=pb.Results(results=[result])))
    assert stream.status()[0] != grpc.StatusCode.OK
    assert client.enqueue("job", queue=queue).state == JobState.READY


def test_nothing_is_claimed_without_credit(spanq_gateway: Gateway, client: Client, queue: str) -> None:
    stream = RawStream(spanq_gateway)
    stream.send(hello(queue))
    assert next(stream.call).HasField("welcome")
    ids = enqueued(client, queue, 3)
    time.sleep(0.3)
    assert [client.get(id, queue=queue).state for id in ids] == [JobState.READY] * 3
    stream.send(pb.FromWorker(credit=pb.Credit(add=2)))
    jobs: list[pb.Job] = []
    while len(jobs) < 2:
        jobs += next(stream.call).jobs.jobs
    assert sorted(job.number for job in jobs) == [1, 2]
    # Never confirmed: they go back at once, as if they had not been sent.
    stream.close()
    for id in ids:
        record = wait_for(client, id, queue=queue, state=JobState.READY, seconds=4)
        assert (record.attempt, record.reclaims) == (0, 0)


def test_a_result_of_a_claim_that_no_gateway_made_is_refused(spanq_gateway: Gateway, queue: str) -> None:
    stream = RawStream(spanq_gateway)
    stream.send(hello(queue))
    assert next(stream.call).HasField("welcome")
    stream.send(pb.FromWorker(results=pb.Results(results=[pb.Result(claim=b"made up", complete=pb.Complete())])))
    [settlement] = next(stream.call).settled.settlements
    assert settlement.outcome == pb.Settlement.OUTCOME_REFUSED
    stream.close()
