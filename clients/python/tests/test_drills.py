# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What a gateway does about clients that behave badly: those who do it are ended, everybody else goes on, and its memory is bounded.

`SPANQ_TEST_PATIENCE=1` runs what takes minutes as well, and tells figures.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import http2
from http2 import Connection
from raw import IS_PATIENT, RawStream, enqueued, hello, patient
from spanqueue import Client, JobState
from spanqueue.testing import Gateway, PrivateRedis, wait_until
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
