# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What a worker says to gateways, and when: a state machine without I/O, threads or clock.

It outlives streams. Claims, results and credits are its own; the shell around it opens streams, hands it what they bring, and sends what
`flush` returns. All times are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from spanqueue.v1 import worker_pb2 as pb

#: A result waits so long for others, unless no handler runs that could bring one.
GATHER_SECONDS = 0.001
#: So many do not wait.
ENOUGH_RESULTS = 64
#: The most claims or results of one message.
MOST_CLAIMS = 1_000
#: And about so many bytes, unless one alone has more.
MOST_BYTES = 1 << 20
#: A stream that brings no Welcome within this time is given up.
WELCOME_SECONDS = 10.0
#: A gateway that was told goodbye may take so long to end the stream.
LEAVE_SECONDS = 1.0


@dataclass(frozen=True)
class Start:
    """Call the handler of this job, and then `Session.finish`."""

    job: pb.Job


@dataclass(frozen=True)
class Stop:
    """Ask the handler of this claim to end."""

    claim: bytes
    #: One of `pb.Cancel.Cause`, or `SHUTDOWN`.
    cause: int


@dataclass(frozen=True)
class Refused:
    """A result can't count as it is."""

    job: pb.Job
    reason: str


#: Beside the causes of the protocol: this worker ends.
SHUTDOWN = -1

Action = Start | Stop | Refused


@dataclass
class Claimed:
    """A job that this worker holds."""

    job: pb.Job
    #: The end of the attempt; None while the handler runs.
    result: pb.Result | None = None
    #: Whether this result was made because the gateway refused another.
    is_second: bool = False


@dataclass
class Stream:
    """What belongs to one stream, and goes with it."""

    opened_at: float
    is_welcome: bool = False
    #: Credits that were sent and not used up by jobs.
    credits: int = 0
    #: Job.number of the latest job, and of the latest that was confirmed.
    arrived: int = 0
    confirmed: int = 0
    #: When to send the next heartbeat.
    beat_at: float = 0.0
    #: When the heartbeat was sent that has no answer yet.
    beat_sent_at: float | None = None
    #: The gateway drains: no more jobs come.
    is_draining: bool = False
    said_goodbye: bool = False
    half_closed_at: float | None = None
    #: Results that were sent on this stream and are not confirmed.
    under_way: set[bytes] = field(default_factory=set)


class Session:
    """One worker's claims, credits and results."""

    def __init__(self, hello: pb.Hello, slots: int) -> None:
        """`hello`: what each stream begins with, without `resume`. `slots`: how many handlers may run at once."""
        self._hello = hello
        self._slots = slots
        self._held: dict[bytes, Claimed] = {}
        #: Handlers that run, also those whose claim is lost.
        self._running = 0
        #: Claims whose results are to be sent, in their order; a dict for its order.
        self._unsent: dict[bytes, None] = {}
        self._gather_until: float | None = None
        self._progress: dict[bytes, pb.Progress] = {}
        self._beats = 0
        self._beat_every = 10.0
        self._most_slots = 1_000
        self._is_stopping = False
        self._stream: Stream | None = None

    # What happens outside.

    def open(self, now: float) -> pb.FromWorker:
        """A new stream: what to send first."""
        self._stream = Stream(opened_at=now)
        self._unsent = dict.fromkeys(claim for claim, claimed in self._held.items() if claimed.result is not None)
        hello = pb.Hello()
        hello.CopyFrom(self._hello)
        hello.resume.extend(list(self._held)[:MOST_CLAIMS])
        return pb.FromWorker(hello=hello)

    def close(self) -> None:
        """The stream has ended. What was under way on it will be sent on the next."""
        self._stream = None

    def receive(self, message: pb.ToWorker, now: float) -> list[Action]:
        """A message of the stream: what to do about it."""
        stream = self._stream
        if stream is None:
            return []
        kind = message.WhichOneof("kind")
        if kind == "jobs":
            return self._take(message.jobs.jobs, stream)
        if kind == "settled":
            return [action for settlement in message.settled.settlements for action in self._settle(settlement, stream, now)]
        if kind == "heartbeat":
            return self._answered(message.heartbeat, stream, now)
        if kind == "cancel":
            return self._cancel(message.cancel.claim, message.cancel.cause)
        if kind == "welcome":
            return self._welcome(message.welcome, stream, now)
        if kind == "drain":
            stream.is_draining = True
        return []

    def finish(self, claim: bytes, result: pb.Result | None, now: float) -> bool:
        """A handler has ended. Whether `flush` should be asked sooner than it said before.

        `result` is None where the claim is known to be lost.
        """
        self._running -= 1
        claimed = self._held.get(claim)
        if claimed is None or claimed.result is not None:
            return True
        if result is None:
            del self._held[claim]
            return True
        self._settle_with(claim, claimed, result, now)
        count = len(self._unsent)
        return count == 1 or count >= ENOUGH_RESULTS or self._running == 0

    def progress(self, claim: bytes, fraction: float, note: str) -> None:
        """How far a handler has come. It goes along with the next heartbeat."""
        if claim in self._held:
            self._progress[claim] = pb.Progress(claim=claim, fraction=fraction, note=note)

    def stop(self) -> None:
        """Take no more jobs; end when the handlers have ended and their results are confirmed."""
        self._is_stopping = True

    def abandon(self) -> list[Action]:
        """Handlers are to end now: all that run."""
        return [Stop(claim, SHUTDOWN) for claim, claimed in self._held.items() if claimed.result is None]

    def release(self, now: float) -> None:
        """Give back all that handlers have not ended."""
        for claim, claimed in self._held.items():
            if claimed.result is None:
                self._settle_with(claim, claimed, pb.Result(claim=claim, release=pb.Release()), now)

    # What to do.

    @property
    def is_done(self) -> bool:
        """Nothing is left to be run or confirmed, and nothing more is wanted."""
        return self._is_stopping and not self._held

    @property
    def running(self) -> int:
        """How many handlers run."""
        return self._running

    @property
    def watch_seconds(self) -> float:
        """How often `why_broken` should be asked."""
        is_ending = self._is_stopping or (self._stream is not None and self._stream.half_closed_at is not None)
        return 0.25 if is_ending else self._beat_every / 4

    def why_broken(self, now: float) -> str | None:
        """Why this stream is to be given up: it is open, and nobody answers at its other end."""
        stream = self._stream
        if stream is None:
            return None
        if not stream.is_welcome:
            if self.is_done:
                return "nothing is left to do"
            return "no Welcome" if now >= stream.opened_at + WELCOME_SECONDS else None
        if stream.beat_sent_at is not None and now >= stream.beat_sent_at + self._beat_every:
            return "a heartbeat was not answered"
        if stream.half_closed_at is not None and now >= stream.half_closed_at + LEAVE_SECONDS:
            return "this worker has left it"
        return None

    def flush(self, now: float) -> tuple[list[pb.FromWorker], bool, float]:
        """What to send now; whether nothing will follow on this stream; and, if there is nothing, for how many seconds at most."""
        stream = self._stream
        if stream is None or not stream.is_welcome or stream.half_closed_at is not None:
            return [], False, 0.5
        messages: list[pb.FromWorker] = []
        if stream.arrived > stream.confirmed:
            stream.confirmed = stream.arrived
            messages.append(pb.FromWorker(received=pb.Received(number=stream.arrived)))
        if self._is_stopping and not stream.said_goodbye:
            stream.said_goodbye = True
            messages.append(pb.FromWorker(goodbye=pb.Goodbye()))
        if self._unsent and (self._are_results_due(now) or stream.is_draining):
            messages += self._results(stream)
        credit = 0 if self._unsent or self._is_stopping or stream.is_draining else self._missing_credit(stream)
        if credit > 0:
            stream.credits += credit
            messages.append(pb.FromWorker(credit=pb.Credit(add=credit)))
        if self._held and now >= stream.beat_at:
            messages += self._heartbeat(stream, now)
        if stream.is_draining or self.is_done:
            stream.half_closed_at = now
            return messages, True, 0.0
        return messages, False, self._wait(stream, now)

    # How.

    def _welcome(self, welcome: pb.Welcome, stream: Stream, now: float) -> list[Action]:
        stream.is_welcome = True
        if welcome.HasField("heartbeat_every"):
            self._beat_every = max(0.1, welcome.heartbeat_every.ToTimedelta().total_seconds())
        if welcome.max_slots:
            self._most_slots = welcome.max_slots
        # Those in `resume` were extended; what did not fit into it is extended at once.
        stream.beat_at = now + self._beat_every if len(self._held) <= MOST_CLAIMS else now
        return [action for claim in welcome.lost for action in self._cancel(claim, pb.Cancel.CAUSE_LEASE_LOST)]

    def _take(self, jobs: Sequence[pb.Job], stream: Stream) -> list[Action]:
        # What can't be confirmed any more is given back by the gateway.
        if stream.half_closed_at is not None:
            return []
        actions: list[Action] = []
        for job in jobs:
            stream.arrived = max(stream.arrived, job.number)
            stream.credits = max(0, stream.credits - 1)
            if job.claim in self._held:
                continue
            claimed = self._held[job.claim] = Claimed(job)
            if self._is_stopping:
                claimed.result = pb.Result(claim=job.claim, release=pb.Release())
                self._unsent[job.claim] = None
            else:
                self._running += 1
                actions.append(Start(job))
        return actions

    def _settle(self, settlement: pb.Settlement, stream: Stream, now: float) -> list[Action]:
        claim = settlement.claim
        claimed = self._held.get(claim)
        if claimed is None or claim not in stream.under_way:
            return []
        stream.under_way.discard(claim)
        if settlement.outcome == pb.Settlement.OUTCOME_UNAVAILABLE:
            self._unsent[claim] = None
            return []
        if settlement.outcome != pb.Settlement.OUTCOME_REFUSED or claimed.is_second:
            del self._held[claim]
            self._progress.pop(claim, None)
        if settlement.outcome != pb.Settlement.OUTCOME_REFUSED:
            return []
        reason = settlement.problem.message or settlement.problem.reason
        if not claimed.is_second:
            # Else nobody would end the attempt, and it would run again when its lease lapses.
            claimed.is_second = True
            failure = pb.Failure(type="ResultRefused", message=reason)
            self._settle_with(claim, claimed, pb.Result(claim=claim, retry=pb.Retry(), failure=failure), now)
        return [Refused(claimed.job, reason)]

    def _answered(self, reply: pb.HeartbeatReply, stream: Stream, now: float) -> list[Action]:
        if reply.number == self._beats:
            stream.beat_sent_at = None
        if reply.failed:
            stream.beat_at = min(stream.beat_at, now + self._beat_every / 4)
        return [action for cancel in reply.cancels for action in self._cancel(cancel.claim, cancel.cause)]

    def _cancel(self, claim: bytes, cause: int) -> list[Action]:
        claimed = self._held.get(claim)
        if claimed is None:
            return []
        if cause == pb.Cancel.CAUSE_LEASE_LOST:
            del self._held[claim]
            self._unsent.pop(claim, None)
            self._progress.pop(claim, None)
            if self._stream is not None:
                self._stream.under_way.discard(claim)
        return [Stop(claim, cause)] if claimed.result is None else []

    def _settle_with(self, claim: bytes, claimed: Claimed, result: pb.Result, now: float) -> None:
        claimed.result = result
        if not self._unsent:
            self._gather_until = now + GATHER_SECONDS
        self._unsent[claim] = None

    def _are_results_due(self, now: float) -> bool:
        return (
            self._running == 0
            or len(self._unsent) >= ENOUGH_RESULTS
            or self._gather_until is None
            or now >= self._gather_until
        )

    def _results(self, stream: Stream) -> list[pb.FromWorker]:
        claims = list(self._unsent)
        self._unsent.clear()
        self._gather_until = None
        stream.under_way.update(claims)
        found = [result for claim in claims if (result := self._held[claim].result) is not None]
        return [pb.FromWorker(results=pb.Results(results=part)) for part in _parts(found)]

    def _missing_credit(self, stream: Stream) -> int:
        free = min(self._slots - self._running, self._most_slots - len(self._held))
        return free - stream.credits

    def _heartbeat(self, stream: Stream, now: float) -> list[pb.FromWorker]:
        messages = [pb.FromWorker(progress=progress) for progress in self._progress.values()]
        self._progress.clear()
        for part in _parts(list(self._held)):
            self._beats += 1
            messages.append(pb.FromWorker(heartbeat=pb.HeartbeatRequest(claims=part, number=self._beats)))
        stream.beat_at = now + self._beat_every
        if stream.beat_sent_at is None:
            stream.beat_sent_at = now
        return messages

    def _wait(self, stream: Stream, now: float) -> float:
        times = [now + 3600.0]
        if self._held:
            times.append(stream.beat_at)
        if self._unsent:
            times.append(self._gather_until if self._gather_until is not None else now)
        if stream.beat_sent_at is not None:
            times.append(stream.beat_sent_at + self._beat_every)
        return max(0.0, min(times) - now)


Part = TypeVar("Part", bytes, pb.Result)


def _parts(values: Sequence[Part]) -> list[list[Part]]:
    """In the groups that messages may have."""
    parts: list[list[Part]] = []
    total = 0
    for value in values:
        size = len(value) if isinstance(value, bytes) else value.ByteSize()
        if not parts or len(parts[-1]) >= MOST_CLAIMS or total + size > MOST_BYTES:
            parts.append([])
            total = 0
        parts[-1].append(value)
        total += size
    return parts
