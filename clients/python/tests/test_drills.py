# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What a gateway does about clients that behave badly: those who do it are ended, everybody else goes on, and its memory is bounded.

`SPANQ_TEST_PATIENCE=1` runs what takes minutes as well, and tells figures.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

import http2
from http2 import Connection
from raw import IS_PATIENT, RawStream, enqueued, hello, patient
from spanqueue import Client, InvalidArgument, JobState, NewJob, NotFound, SpanQueueError, Timeout
from spanqueue.errors import error_of_call
from spanqueue.gateways import ProducerCalls
from spanqueue.testing import Gateway, PrivateRedis, wait_for, wait_until
from spanqueue.v1 import producer_pb2
from spanqueue.v1 import worker_pb2 as pb

MIB = 1 << 20


def resident(gateway: Gateway) -> int:
    """What a gateway has in memory, in bytes."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024


def cpu_seconds(gateway: Gateway) -> float:
    fields = Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Neighbour:
    """A worker at the same gateway that does nothing wrong."""

    def __init__(self, gateway: Gateway, client: Client, queue: str) -> None:
        self._client = client
        self._queue = f"{queue}-next"
        self._stream = RawStream(gateway).open(self._queue, credit=100)

    def works(self) -> None:
        id = self._client.enqueue("job", queue=self._queue).id
        [job] = self._stream.jobs(1)
        assert job.id == id
        assert self._stream.complete(job) == pb.Settlement.OUTCOME_SETTLED

    def close(self) -> None:
        self._stream.close()


@pytest.fixture
def gateway(new_gateway: Callable[..., Gateway]) -> Gateway:
    return new_gateway()


@pytest.fixture
def neighbour(gateway: Gateway, client: Client, queue: str) -> Iterator[Neighbour]:
    neighbour = Neighbour(gateway, client, queue)
    neighbour.works()
    yield neighbour
    neighbour.close()


# Readers that stop.


def claimed(client: Client, queue: str, ids: list[str]) -> int:
    """How many of these jobs are active; they are claimed in order."""
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if client.get(ids[middle], queue=queue).state == JobState.ACTIVE:
            low = middle + 1
        else:
            high = middle
    return low


def test_a_reader_that_stops_is_claimed_no_more_jobs_than_can_wait_for_it(
    new_gateway: Callable[..., Gateway], client: Client, queue: str
) -> None:
    gateway = new_gateway(None, "--drain-timeout", "1s")
    neighbour = Neighbour(gateway, client, queue)
    neighbour.works()
    ids = enqueued(client, queue, 200, bytes(64 << 10))
    before = resident(gateway)
    connection = Connection(gateway)
    connection.open(1, queue, credit=200)
    counts = [-1, 0]

    def stands_still() -> bool:
        connection.read(0.2)
        counts.append(claimed(client, queue, ids))
        return counts[-1] == counts[-2] == counts[-3] > 0

    wait_until(stands_still, "no more are claimed")
    # 4 MiB that wait, a claim of an eighth beyond, and what is on the wires.
    assert counts[-1] < 130
    assert resident(gateway) - before < 64 * MIB
    neighbour.works()
    # It reads again: the rest comes, each once and in order.
    connection.send(http2.window_update(0, 64 * MIB), http2.window_update(1, 64 * MIB))

    def numbers() -> list[int]:
        return [job.number for message in connection.messages(1) for job in message.jobs.jobs]

    connection.wait(lambda: len(numbers()) == 200, "all jobs")
    assert numbers() == list(range(1, 201))
    # It never confirmed any: all go back as if they had never been sent.
    connection.close()
    for id in (ids[0], ids[100], ids[199]):
        record = wait_for(client, id, queue=queue, state=JobState.READY)
        assert (record.attempt, record.reclaims) == (0, 0)
    # Nor can one hold up a drain.
    second = Connection(gateway)
    second.open(1, queue, credit=200)
    wait_until(lambda: claimed(client, queue, ids) > 0, "the second has some")
    neighbour.close()
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(15) == 0
    wait_until(lambda: claimed(client, queue, ids) == 0, "all are given back")


def test_who_does_not_read_the_answers_is_not_read(gateway: Gateway, neighbour: Neighbour, queue: str) -> None:
    before = resident(gateway)
    connection = Connection(gateway)
    connection.open(1, queue)
    made_up = pb.Result(claim=bytes(300), complete=pb.Complete())
    message = pb.FromWorker(results=pb.Results(results=[made_up] * 1_000))
    size = message.ByteSize() + 5
    sent = 0
    while sent < 24 * MIB:
        part = connection.say(1, message, patience=1.5)
        sent += part
        if part < size:
            break
    # About 4 MiB of answers wait, and what is on the wires.
    assert not connection.is_closed and sent < 12 * MIB
    assert resident(gateway) - before < 64 * MIB
    neighbour.works()
    # When it reads, all that came whole is answered.
    connection.send(http2.window_update(0, 64 * MIB), http2.window_update(1, 64 * MIB))
    whole = sent // size

    def answers() -> int:
        return sum(len(message.settled.settlements) for message in connection.messages(1))

    connection.wait(lambda: answers() >= whole * 1_000, "the answers")
    connection.close()


def test_results_that_the_engine_does_not_take_are_bounded_and_not_lost(
    own_redis: PrivateRedis, new_gateway: Callable[..., Gateway], queue: str
) -> None:
    gateway = new_gateway(of=own_redis.url)
    connection = Connection(gateway)
    with Client(gateway.address) as client:
        id = client.enqueue("job", queue=queue).id
        connection.open(1, queue, credit=1)
        connection.wait(lambda: any(m.jobs.jobs for m in connection.messages(1)), "the job")
        [job] = [job for message in connection.messages(1) for job in message.jobs.jobs]
        own_redis._process.send_signal(signal.SIGSTOP)
        before = resident(gateway)
        result = pb.Result(claim=job.claim, complete=pb.Complete(result=bytes(60_000)))
        # Fifteen a message, all of the same attempt.
        message = pb.FromWorker(results=pb.Results(results=[result] * 15))
        sent = 0
        try:
            while sent < 60:
                if connection.say(1, message, patience=1.0) < message.ByteSize():
                    break
                sent += 1
        finally:
            own_redis._process.send_signal(signal.SIGCONT)
        assert 0 < sent < 30
        assert resident(gateway) - before < 96 * MIB
        connection.wait(
            lambda: sum(len(message.settled.settlements) for message in connection.messages(1)) >= 15 * sent, "the answers"
        )
        answers = {s.outcome for message in connection.messages(1) for s in message.settled.settlements}
        assert answers == {pb.Settlement.OUTCOME_SETTLED}
        assert wait_for(client, id, queue=queue).state == JobState.COMPLETED
    connection.close()


# Many streams.


def commands(redis: PrivateRedis) -> dict[str, int]:
    """How often each of Redis' commands was called, by scripts too."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(redis.url.removeprefix("unix://"))
        connection.sendall(b"INFO commandstats\r\n")
        text = b""
        while b"\r\n" not in text or len(text) < int(text[1 : text.index(b"\r\n")]) + text.index(b"\r\n") + 4:
            text += connection.recv(1 << 16)
    found: dict[str, int] = {}
    for line in text.decode().splitlines():
        if line.startswith("cmdstat_"):
            name, _, values = line.removeprefix("cmdstat_").partition(":")
            found[name] = int(values.split(",")[0].removeprefix("calls="))
    return found


#: A thousand where there is patience.
STREAMS = 1_000 if IS_PATIENT else 300


def test_many_streams_cost_next_to_nothing_while_nothing_is_to_be_done(
    own_redis: PrivateRedis, new_gateway: Callable[..., Gateway], queue: str
) -> None:
    gateway = new_gateway(of=own_redis.url)
    with Client(gateway.address) as client:
        client.enqueue("warm", queue=f"{queue}-other")
        before = resident(gateway)
        connections = [Connection(gateway) for _ in range(STREAMS // 50)]
        streams = range(1, 100, 2)
        for number, connection in enumerate(connections):
            # The first half has credit, the other never asks.
            for stream in streams:
                connection.begin(stream, queue, credit=number % 2)
        for connection in connections:
            connection.wait(lambda: all(connection.is_open(stream) for stream in streams), "fifty Welcomes")
        growth = (resident(gateway) - before) / STREAMS

        def is_quiet() -> bool:
            before = sum(commands(own_redis).values())
            time.sleep(0.5)
            return sum(commands(own_redis).values()) - before < 10

        wait_until(is_quiet, "all workers are known")
        first, began, used = commands(own_redis), time.monotonic(), cpu_seconds(gateway)
        time.sleep(60 if IS_PATIENT else 2.5)
        second, took = commands(own_redis), time.monotonic() - began
        used = cpu_seconds(gateway) - used
        calls = {name: count - first.get(name, 0) for name, count in second.items() if count > first.get(name, 0)}
        asked = calls.get("evalsha", 0) + calls.get("blpop", 0)
        print(f"{STREAMS} idle streams: {growth / 1024:.0f} KiB each, {asked / took:.1f} calls/s, {used / took * 100:.1f}% of a core; {calls}")
        # Half of them wait, all of them for one queue; now and then the queue is looked after. With patience there also is a round in which
        # each worker makes itself known.
        assert asked <= 2 * took + 3 + (STREAMS if IS_PATIENT else 0)
        assert growth < 128 << 10
        # Who has credit gets the jobs, one each, and nobody else does.
        enqueued(client, queue, 20)

        def total(group: list[Connection]) -> int:
            return sum(len(m.jobs.jobs) for connection in group for stream in streams for m in connection.messages(stream))

        def all_came() -> bool:
            for connection in connections:
                connection.read()
            return total(connections[1::2]) == 20

        wait_until(all_came, "twenty jobs")
        assert total(connections[::2]) == 0
    for connection in connections:
        connection.close()


@patient
def test_a_stream_that_has_no_credit_for_long_is_as_good_as_new(gateway: Gateway, client: Client, queue: str) -> None:
    stream = RawStream(gateway)
    stream.send(hello(queue))
    assert next(stream.call).HasField("welcome")
    [id] = enqueued(client, queue, 1)
    for number in range(5):
        time.sleep(9)
        stream.send(pb.FromWorker(heartbeat=pb.HeartbeatRequest(number=number)))
        assert next(stream.call).heartbeat.number == number
        assert client.get(id, queue=queue).state == JobState.READY
    stream.send(pb.FromWorker(credit=pb.Credit(add=1)))
    began = time.monotonic()
    assert [job.id for job in stream.jobs(1)] == [id]
    assert time.monotonic() - began < 2
    stream.close()


# Floods.


def pings(connection: Connection, number: int) -> bool:
    connection.read(0.01)
    return connection.send(http2.frame(http2.PING, payload=struct.pack(">Q", number)))


def pings_between_answers(connection: Connection, number: int) -> bool:
    # What the gateway sends forgives a client its pings, but not all of them.
    connection.say(1, pb.FromWorker(heartbeat=pb.HeartbeatRequest(number=number)))
    connection.read(0.01)
    return pings(connection, number)


def settings(connection: Connection, number: int) -> bool:
    return connection.send(http2.frame(http2.SETTINGS, payload=struct.pack(">HI", http2.INITIAL_WINDOW_SIZE, 65_535)))


def resets(connection: Connection, number: int) -> bool:
    stream = 2 * number + 3
    return connection.send(http2.call(stream), http2.reset(stream))


def provoked_resets(connection: Connection, number: int) -> bool:
    # A window that grows by nothing is an error, for which it is the gateway that resets the stream.
    stream = 2 * number + 3
    return connection.send(http2.call(stream), http2.window_update(stream, 0))


def empty_data(connection: Connection, number: int) -> bool:
    return connection.send(http2.frame(http2.DATA, 1))


def continuations(connection: Connection, number: int) -> bool:
    first = [http2.call(3, flags=0)] if number == 0 else []
    return connection.send(*first, http2.frame(http2.CONTINUATION, 3, http2.field(f"x-{number}", "x" * 100)))


def many_streams(connection: Connection, number: int) -> bool:
    return connection.send(http2.call(2 * number + 3))


def noise(connection: Connection, number: int) -> bool:
    return connection.send(random.Random(number).randbytes(1_000))


@pytest.mark.parametrize(
    "flood",
    [pings, pings_between_answers, settings, resets, provoked_resets, empty_data, continuations, many_streams, noise],
    ids=lambda flood: str(flood.__name__),
)
def test_a_flood_ends_its_connection_and_not_the_gateway(
    gateway: Gateway, neighbour: Neighbour, queue: str, flood: Callable[[Connection, int], bool]
) -> None:
    before = resident(gateway)
    connection = Connection(gateway)
    connection.open(1, queue)
    rounds = 0
    while rounds < 2_000 and flood(connection, rounds) and connection.goaway is None:
        rounds += 1
        connection.read()
    connection.wait_closed(10)
    if flood is pings:
        # Not by their number in a time, but because they come more often than each ten seconds.
        assert rounds < 100 and connection.goaway == http2.ENHANCE_YOUR_CALM
    neighbour.works()
    assert resident(gateway) - before < 32 * MIB
    # It may come back, and is served.
    again = Connection(gateway)
    again.open(1, queue)
    again.close()


@patient
def test_a_connection_that_says_nothing_is_closed(gateway: Gateway) -> None:
    host, _, port = gateway.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=45) as connection:
        while connection.recv(1 << 16):
            pass


# Messages.


def test_messages_are_taken_up_to_the_limit_and_refused_with_a_reason_beyond(
    spanq_gateway: Gateway, client: Client, queue: str
) -> None:
    limit = 8 * MIB
    for size in (limit - 1_000, limit + 1, 2 * limit - 1_000):
        with pytest.raises(InvalidArgument) as refused:
            client.enqueue("job", bytes(size), queue=queue)
        assert refused.value.code == "too_large" and not refused.value.may_have_run
        # The first is within the limit of messages, and it is the job's payload that is too large.
        assert (f"send at most {limit}" in str(refused.value)) == (size > limit)
    jobs = [producer_pb2.EnqueueRequest(queue=queue, type="job", payload=bytes(900_000)) for _ in range(9)]
    with grpc.insecure_channel(spanq_gateway.address) as channel:
        calls = ProducerCalls(channel)
        assert len(calls.enqueue_batch(producer_pb2.EnqueueBatchRequest(jobs=jobs), timeout=10).outcomes) == 9
        with pytest.raises(grpc.RpcError) as too_large:
            calls.enqueue_batch(producer_pb2.EnqueueBatchRequest(jobs=jobs * 2), timeout=10)
        assert error_of_call(too_large.value).code == "too_large"


@pytest.mark.parametrize(("size", "reason"), [(8 * MIB - 1_000, None), (8 * MIB + 1, "too_large"), (20 * MIB, "")])
def test_a_streams_message_over_the_limit_ends_it_with_a_reason(
    spanq_gateway: Gateway, client: Client, queue: str, size: int, reason: str | None
) -> None:
    stream = RawStream(spanq_gateway).open(queue)
    stream.send(pb.FromWorker(results=pb.Results(results=[pb.Result(claim=b"c", complete=pb.Complete(result=bytes(size)))])))
    if reason is None:
        [settlement] = next(stream.call).settled.settlements
        assert settlement.outcome == pb.Settlement.OUTCOME_REFUSED
        stream.close()
        return
    with pytest.raises(grpc.RpcError) as ended:
        next(stream.call)
    if reason:
        assert error_of_call(ended.value).code == reason
    stream.close()
    assert client.enqueue("job", queue=queue).state == JobState.READY


GARBAGE = {
    "no message": b"\xff\xff\xff",
    "cut": hello("q").SerializeToString()[:-1],
    "bad UTF-8": pb.FromWorker(hello=pb.Hello(protocol=1, worker="x")).SerializeToString().replace(b"x", b"\xff"),
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_no_message_is_refused_with_a_reason(spanq_gateway: Gateway, queue: str, sent: bytes) -> None:
    with grpc.insecure_channel(spanq_gateway.address) as channel:
        work: Any = channel.stream_stream(http2.WORK, response_deserializer=pb.ToWorker.FromString)
        for begin in ([], [hello(queue).SerializeToString()]):
            with pytest.raises(grpc.RpcError) as ended:
                for _ in work(iter([*begin, sent]), timeout=10):
                    pass
            assert ended.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert error_of_call(ended.value).code == "protocol"
        enqueue: Any = channel.unary_unary("/spanqueue.v1.Producer/Enqueue")
        with pytest.raises(grpc.RpcError) as refused:
            enqueue(b"\xff\xff\xff", timeout=10)
        assert error_of_call(refused.value).code == "protocol"


# The time that a caller gives.


def test_what_comes_too_late_for_its_caller_is_not_done(
    own_redis: PrivateRedis, new_gateway: Callable[..., Gateway], queue: str
) -> None:
    gateways = [new_gateway(of=own_redis.url) for _ in range(3)]
    with Client(gateways[0].address, timeout=0.4) as hasty, Client(gateways[2].address) as client:
        [ready] = enqueued(client, queue, 1)
        # Each has heard of the engine's clock.
        hasty.enqueue("warm", queue=f"{queue}-other")
        claim: Any = grpc.insecure_channel(gateways[1].address).unary_unary(
            "/spanqueue.v1.Worker/Claim",
            request_serializer=pb.ClaimRequest.SerializeToString,
            response_deserializer=pb.Jobs.FromString,
        )
        lanes = [pb.Lane(queue=f"{queue}-other")]
        [warm] = claim(pb.ClaimRequest(worker="w", lanes=lanes, limit=1), timeout=10).jobs
        own_redis._process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(Timeout):
                hasty.enqueue("job", queue=queue, id=f"{queue}-lone")
            outcomes = hasty.enqueue_many([NewJob("job", queue=queue, id=f"{queue}-{name}") for name in ("first", "second")])
            assert all(isinstance(outcome, SpanQueueError) for outcome in outcomes)
            with pytest.raises(grpc.RpcError) as late:
                claim(pb.ClaimRequest(worker="w", lanes=[pb.Lane(queue=queue)], limit=1), timeout=0.4)
            assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            # What it has sent to Redis is there all the same. Nobody is left who could take it back.
            time.sleep(0.2)
            gateways[0].kill()
            gateways[1].kill()
        finally:
            own_redis._process.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        for name in ("lone", "first", "second"):
            with pytest.raises(NotFound):
                client.get(f"{queue}-{name}", queue=queue)
        assert client.get(ready, queue=queue).state == JobState.READY
        assert client.get(warm.id, queue=f"{queue}-other").state == JobState.ACTIVE
