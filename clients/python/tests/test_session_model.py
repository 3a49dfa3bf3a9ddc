# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The session against a model of a gateway, in random orders: streams that break at any moment, leases that lapse, results that get lost.

`SPANQ_SESSION_SEEDS=10000` runs more of them.
"""

from __future__ import annotations

import os
import random
from collections import deque

import pytest

from spanqueue.session import Session, Start, Stop
from spanqueue.v1 import worker_pb2 as pb

SLOTS = 5
JOBS = 40


class Model:
    """Jobs, one worker, and whatever is between them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.session = Session(pb.Hello(protocol=1, worker="w"), SLOTS)
        self.running: set[bytes] = set()
        # What the gateways know.
        self.ready = deque(f"job{n}" for n in range(JOBS))
        self.claims: dict[bytes, str] = {}
        self.ended: dict[bytes, str] = {}
        self.completed: list[str] = []
        self.count = 0
        self.lapses = 0
        # What one of them knows of the stream.
        self.up: deque[pb.FromWorker] = deque()
        self.down: deque[pb.ToWorker] = deque()
        self.is_open = False
        self.is_welcome = False
        self.is_half_closed = False
        self.credits = 0
        self.sent: list[bytes] = []
        self.confirmed = 0

    # The worker's side.

    def connect(self) -> None:
        self.is_open, self.is_welcome, self.is_half_closed = True, False, False
        self.credits, self.sent, self.confirmed = 0, [], 0
        self.up.clear()
        self.down.clear()
        self.up.append(self.session.open(self.now))

    def cut(self) -> None:
        """The stream breaks: what was under way is gone, and what was never confirmed is given back."""
        self.is_open = False
        self.session.close()
        for claim in self.sent[self.confirmed :]:
            self.give_back(claim)

    def give_back(self, claim: bytes) -> None:
        job = self.claims.pop(claim, None)
        if job is not None:
            self.ready.appendleft(job)

    def flush(self) -> None:
        messages, is_last, _ = self.session.flush(self.now)
        self.up.extend(messages)
        if is_last:
            self.is_half_closed = True

    def hear(self) -> None:
        for action in self.session.receive(self.down.popleft(), self.now):
            if isinstance(action, Start):
                assert action.job.claim not in self.running
                self.running.add(action.job.claim)
            elif isinstance(action, Stop):
                assert action.claim in self.running
        assert len(self.running) <= SLOTS

    def finish(self) -> None:
        claim = self.random.choice(sorted(self.running))
        self.running.discard(claim)
        self.session.finish(claim, pb.Result(claim=claim, complete=pb.Complete()), self.now)

    # The gateway's.

    def listen(self) -> None:
        message = self.up.popleft()
        kind = message.WhichOneof("kind")
        assert self.is_welcome or kind == "hello"
        if kind == "hello":
            self.is_welcome = True
            lost = [claim for claim in message.hello.resume if claim not in self.claims]
            welcome = pb.Welcome(protocol=1, max_slots=1_000, lost=lost)
            welcome.heartbeat_every.seconds = 10
            self.down.append(pb.ToWorker(welcome=welcome))
        elif kind == "credit":
            self.credits += message.credit.add
            assert self.credits <= SLOTS
        elif kind == "received":
            assert self.confirmed < message.received.number <= len(self.sent)
            self.confirmed = message.received.number
        elif kind == "results":
            settlements = [self.settle(result) for result in message.results.results]
            self.down.append(pb.ToWorker(settled=pb.Settled(settlements=settlements)))
        elif kind == "heartbeat":
            cancels = [
                pb.Cancel(claim=claim, cause=pb.Cancel.CAUSE_LEASE_LOST)
                for claim in message.heartbeat.claims
                if claim not in self.claims and claim not in self.ended
            ]
            self.down.append(pb.ToWorker(heartbeat=pb.HeartbeatReply(number=message.heartbeat.number, cancels=cancels)))

    def settle(self, result: pb.Result) -> pb.Settlement:
        claim = result.claim
        job = self.claims.pop(claim, None)
        if job is not None:
            self.ended[claim] = job
            if result.HasField("release"):
                self.ready.appendleft(job)
            else:
                self.completed.append(job)
        is_settled = claim in self.ended
        return pb.Settlement(claim=claim, outcome=pb.Settlement.OUTCOME_SETTLED if is_settled else pb.Settlement.OUTCOME_LOST)

    def claim(self) -> None:
        count = min(self.credits, len(self.ready), self.random.randint(1, 3))
        jobs = []
        for _ in range(count):
            self.count += 1
            claim = b"claim%d" % self.count
            job = self.claims[claim] = self.ready.popleft()
            self.sent.append(claim)
            jobs.append(pb.Job(claim=claim, number=len(self.sent), id=job, type="t"))
        self.credits -= count
        self.down.append(pb.ToWorker(jobs=pb.Jobs(jobs=jobs)))

    def lapse(self) -> None:
        self.lapses += 1
        self.give_back(self.random.choice(sorted(self.claims)))

    # What may happen.

    def step(self, faults: bool) -> None:
        choices = [(5, self.pass_time)]
        if not self.is_open:
            choices.append((5, self.connect))
        else:
            choices.append((20, self.flush))
            if self.up:
                choices.append((15, self.listen))
            if self.down:
                choices.append((15, self.hear))
            if self.is_welcome and self.credits and self.ready and not self.is_half_closed:
                choices.append((10, self.claim))
            if self.is_half_closed and not self.up and not self.down:
                choices.append((20, self.cut))
            if faults:
                choices.append((2, self.cut))
                if not self.is_half_closed and self.random.random() < 0.02:
                    self.down.append(pb.ToWorker(drain=pb.Drain()))
                    self.credits = 0
        if self.running:
            choices.append((10, self.finish))
        if faults and self.claims and self.lapses < 10:
            choices.append((1, self.lapse))
        self.random.choices([do for _, do in choices], [weight for weight, _ in choices])[0]()

    def pass_time(self) -> None:
        self.now += self.random.choice([0.0005, 0.001, 3.0])


@pytest.mark.parametrize("seed", range(int(os.environ.get("SPANQ_SESSION_SEEDS", "60"))))
def test_every_job_is_completed_once_whatever_breaks(seed: int) -> None:
    model = Model(seed)
    # Some without any fault.
    for _ in range(seed % 5 * 500):
        model.step(faults=True)
    for _ in range(20_000):
        if len(model.completed) == JOBS:
            break
        model.step(faults=False)
    assert sorted(model.completed) == sorted(f"job{n}" for n in range(JOBS))
    # Then it stops, and nothing is left.
    model.session.stop()
    for _ in range(5_000):
        model.step(faults=False)
        if model.session.is_done and not model.running:
            break
    assert model.session.is_done and not model.running and not model.claims
