# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What becomes of the jobs of workers that die, stand still, or speak into the void.

In a file of its own, behind the others: in the first 30 s after its Redis was started a gateway takes no job back.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable

from conftest import WorkerProcess
from raw import RawStream, patient
from spanqueue import Client, Context, JobState, Worker
from spanqueue.testing import Gateway, running, wait_for, wait_until
from spanqueue.v1 import worker_pb2 as pb


class Proxy:
    """Carries bytes to a gateway, until it is frozen: then it reads no more, and closes nothing."""

    def __init__(self, gateway: Gateway) -> None:
        host, _, port = gateway.address.rpartition(":")
        self._gateway = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._frozen = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._frozen.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._gateway)
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(1 << 16)) and not self._frozen.is_set():
                target.sendall(data)
        # Neither is closed: both sides go on to believe in each other.

    def close(self) -> None:
        self._listener.close()


def test_a_connection_that_leads_nowhere_is_left_before_a_lease_lapses(
    spanq_gateway: Gateway, client: Client, queue: str, new_gateway: Callable[..., Gateway]
) -> None:
    gateway = new_gateway()
    proxy = Proxy(gateway)
    worker = Worker([proxy.address, spanq_gateway.address], queues=queue, lease=12)
    begun: list[Context] = []
    may_end = threading.Event()

    @worker.job("job")
    def job(context: Context) -> bool:
        begun.append(context)
        return may_end.wait(30)

    id = client.enqueue("job", queue=queue).id
    with running(worker):
        wait_until(lambda: begun != [], "the handler has begun")
        proxy.freeze()
        claimed = client.get(id, queue=queue)

        def is_extended() -> bool:
            now = client.get(id, queue=queue)
            assert claimed.lease_until is not None and now.lease_until is not None
            return now.lease_until > claimed.lease_until

        wait_until(is_extended, "its lease was extended by way of the other gateway")
        may_end.set()
        record = wait_for(client, id, queue=queue)
    proxy.close()
    gateway.kill()
    assert (record.state, record.result, record.attempt, record.reclaims) == (JobState.COMPLETED, b"true", 1, 0)
    assert len(begun) == 1


def test_jobs_of_dead_and_of_sleeping_workers_run_elsewhere(
    spanq_gateway: Gateway, client: Client, queue: str, new_worker_process: Callable[..., WorkerProcess]
) -> None:
    queues = {name: f"{queue}-{name}" for name in ("dead", "asleep", "silent")}
    victims = {name: new_worker_process(spanq_gateway.address, queues[name], "2", "5") for name in ("dead", "asleep")}
    # It has a stream, and says nothing of its claim.
    silent = RawStream(spanq_gateway).open(queues["silent"], credit=1, lease=5)
    ids = {name: client.enqueue("job", queue=of).id for name, of in queues.items()}
    for name, victim in victims.items():
        victim.wait_for(f"begun {ids[name]}")
    [claimed] = silent.jobs(1)
    silent.send(pb.FromWorker(received=pb.Received(number=1)))
    victims["dead"].process.send_signal(signal.SIGKILL)
    victims["asleep"].process.send_signal(signal.SIGSTOP)
    worker = Worker(spanq_gateway.address, queues=list(queues.values()))
    tokens: list[int] = []

    @worker.job("job")
    def job(context: Context) -> str:
        tokens.append(context.token)
        return "another"

    with running(worker):
        records = {name: wait_for(client, id, queue=queues[name], seconds=45) for name, id in ids.items()}
    assert {(r.state, r.result) for r in records.values()} == {(JobState.COMPLETED, b'"another"')}
    assert all(record.reclaims > 0 for record in records.values())
    # Once each, and what the silent one says of its own is too late.
    assert len(tokens) == 3
    assert silent.complete(claimed) == pb.Settlement.OUTCOME_LOST
    silent.close()
    assert client.get(ids["silent"], queue=queues["silent"], with_payload=True) == records["silent"]
    # It wakes up, and is told; whatever it says changes nothing.
    victims["asleep"].process.send_signal(signal.SIGCONT)
    wait_until(
        lambda: any(line.startswith(("asked", "ended")) for line in victims["asleep"].lines), "the sleeper's handler has ended"
    )
    victims["asleep"].process.send_signal(signal.SIGTERM)
    assert victims["asleep"].process.wait(10) == 0
    assert client.get(ids["asleep"], queue=queues["asleep"], with_payload=True) == records["asleep"]


@patient
def test_a_gateway_gives_back_what_it_sent_into_the_void(
    spanq_gateway: Gateway, client: Client, queue: str, new_gateway: Callable[..., Gateway]
) -> None:
    gateway = new_gateway()
    proxy = Proxy(gateway)
    stream = RawStream(gateway, address=proxy.address).open(queue, credit=1, lease=3600)
    id = client.enqueue("job", queue=queue).id
    assert [job.id for job in stream.jobs(1)] == [id]
    # It never says that it has the job, and answers no ping.
    proxy.freeze()
    record = wait_for(client, id, queue=queue, state=JobState.READY, seconds=50)
    assert (record.attempt, record.reclaims) == (0, 0)
    stream.close()
    proxy.close()
