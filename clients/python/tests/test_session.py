# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What a worker says and when, without a socket, a thread or a clock."""

from __future__ import annotations

import pytest

from spanqueue.session import (
    ENOUGH_RESULTS,
    GATHER_SECONDS,
    LEAVE_SECONDS,
    MOST_BYTES,
    SHUTDOWN,
    WELCOME_SECONDS,
    Refused,
    Session,
    Start,
    Stop,
)
from spanqueue.v1 import job_pb2
from spanqueue.v1 import worker_pb2 as pb


class Shell:
    """A session, a stream that is a list, and a clock that is a number."""

    def __init__(self, slots: int = 4) -> None:
        self.session = Session(pb.Hello(protocol=1, worker="w", lanes=[pb.Lane(queue="q")]), slots)
        self.now = 100.0
        self.number = 0

    def open(self, *, lost: list[bytes] | None = None, max_slots: int = 1_000) -> tuple[pb.Hello, list[object]]:
        hello = self.session.open(self.now).hello
        welcome = pb.Welcome(protocol=1, max_slots=max_slots, lost=lost or [])
        welcome.heartbeat_every.seconds = 10
        self.number = 0
        return hello, list(self.session.receive(pb.ToWorker(welcome=welcome), self.now))

    def jobs(self, *claims: bytes) -> list[object]:
        jobs = []
        for claim in claims:
            self.number += 1
            jobs.append(pb.Job(claim=claim, number=self.number, id=claim.decode(), type="t"))
        return list(self.session.receive(pb.ToWorker(jobs=pb.Jobs(jobs=jobs)), self.now))

    def flush(self) -> list[pb.FromWorker]:
        return self.session.flush(self.now)[0]

    def kinds(self) -> list[str]:
        return [str(message.WhichOneof("kind")) for message in self.flush()]

    def finish(self, claim: bytes, result: pb.Result | None = None) -> bool:
        return self.session.finish(claim, result or complete(claim), self.now)

    def settled(self, *claims: bytes, outcome: int = pb.Settlement.OUTCOME_SETTLED) -> list[object]:
        problem = job_pb2.Problem(reason="too_large", message="too large")
        settlements = [pb.Settlement(claim=c, outcome=outcome, problem=problem) for c in claims]  # type: ignore[arg-type]
        return list(self.session.receive(pb.ToWorker(settled=pb.Settled(settlements=settlements)), self.now))

    def cancel(self, claim: bytes, cause: int) -> list[object]:
        return list(self.session.receive(pb.ToWorker(cancel=pb.Cancel(claim=claim, cause=cause)), self.now))  # type: ignore[arg-type]


def complete(claim: bytes) -> pb.Result:
    return pb.Result(claim=claim, complete=pb.Complete())


def results(messages: list[pb.FromWorker]) -> list[bytes]:
    return [result.claim for message in messages for result in message.results.results]


@pytest.fixture
def shell() -> Shell:
    return Shell()


def test_nothing_is_sent_before_the_welcome(shell: Shell) -> None:
    assert shell.session.open(shell.now).hello.worker == "w"
    assert shell.kinds() == []
    shell.open()
    assert shell.flush() == [pb.FromWorker(credit=pb.Credit(add=4))]
    assert shell.kinds() == []


def test_jobs_are_confirmed_and_use_up_credits(shell: Shell) -> None:
    shell.open()
    shell.flush()
    assert [a.job.id for a in shell.jobs(b"a", b"b") if isinstance(a, Start)] == ["a", "b"]
    assert shell.flush() == [pb.FromWorker(received=pb.Received(number=2))]
    shell.finish(b"a")
    shell.finish(b"b")
    # Nothing runs that could bring another result: they go at once, and with them the credits of the free slots.
    messages = shell.flush()
    assert results(messages) == [b"a", b"b"]
    assert messages[-1] == pb.FromWorker(credit=pb.Credit(add=2))


def test_credits_never_exceed_free_slots(shell: Shell) -> None:
    shell.open()
    total = sum(message.credit.add for message in shell.flush())
    for turn in range(20):
        claims = [b"%d-%d" % (turn, n) for n in range(1 + turn % total)]
        shell.jobs(*claims)
        total -= len(claims)
        total += sum(message.credit.add for message in shell.flush())
        assert total == 4 - len(claims)
        for claim in claims:
            shell.finish(claim)
        total += sum(message.credit.add for message in shell.flush())
        assert total == 4
        shell.settled(*claims)


def test_slots_of_unconfirmed_results_count_against_the_gateways_bound(shell: Shell) -> None:
    shell.open(max_slots=5)
    shell.flush()
    shell.jobs(b"a", b"b", b"c", b"d")
    for claim in (b"a", b"b", b"c", b"d"):
        shell.finish(claim)
    assert [m.credit.add for m in shell.flush() if m.HasField("credit")] == [1]
    shell.settled(b"a", b"b", b"c", b"d")
    assert [m.credit.add for m in shell.flush() if m.HasField("credit")] == [3]


def test_a_result_waits_a_moment_for_others(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a", b"b")
    shell.flush()
    assert shell.finish(b"a")
    messages, _, wait = shell.session.flush(shell.now)
    assert messages == [] and wait == pytest.approx(GATHER_SECONDS)
    shell.now += GATHER_SECONDS
    assert results(shell.flush()) == [b"a"]


def test_enough_results_do_not_wait() -> None:
    shell = Shell(slots=ENOUGH_RESULTS + 1)
    shell.open()
    shell.flush()
    claims = [b"%d" % n for n in range(ENOUGH_RESULTS + 1)]
    shell.jobs(*claims)
    shell.flush()
    wakes = [shell.finish(claim) for claim in claims[:ENOUGH_RESULTS]]
    assert [index for index, wake in enumerate(wakes) if wake] == [0, ENOUGH_RESULTS - 1]
    assert len(results(shell.flush())) == ENOUGH_RESULTS


def test_heartbeats_name_all_that_is_held_until_it_is_confirmed(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a", b"b")
    shell.finish(b"a")
    shell.flush()
    shell.now += 10
    [beat] = [m.heartbeat for m in shell.flush() if m.HasField("heartbeat")]
    assert list(beat.claims) == [b"a", b"b"]
    shell.session.receive(pb.ToWorker(heartbeat=pb.HeartbeatReply(number=beat.number)), shell.now)
    shell.settled(b"a")
    shell.now += 10
    assert shell.session.why_broken(shell.now) is None
    [beat] = [m.heartbeat for m in shell.flush() if m.HasField("heartbeat")]
    assert list(beat.claims) == [b"b"]


def test_progress_goes_before_the_heartbeat_the_latest_only(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a")
    shell.flush()
    shell.session.progress(b"a", 0.1, "begun")
    shell.session.progress(b"a", 0.7, "most")
    shell.session.progress(b"x", 0.7, "not ours")
    assert shell.kinds() == []
    shell.now += 10
    messages = shell.flush()
    assert messages[0].progress == pb.Progress(claim=b"a", fraction=0.7, note="most")
    assert messages[1].HasField("heartbeat") and len(messages) == 2


def test_a_heartbeat_without_an_answer_breaks_the_stream(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a")
    shell.now += 10
    assert "heartbeat" in shell.kinds()
    shell.now += 9.9
    assert shell.session.why_broken(shell.now) is None
    shell.now += 0.1
    assert shell.session.why_broken(shell.now) == "a heartbeat was not answered"


def test_claims_the_engine_could_not_be_asked_about_are_beaten_again_soon(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a")
    shell.now += 10
    [beat] = [m.heartbeat for m in shell.flush() if m.HasField("heartbeat")]
    shell.session.receive(pb.ToWorker(heartbeat=pb.HeartbeatReply(number=beat.number, failed=[b"a"])), shell.now)
    shell.now += 2.5
    assert "heartbeat" in shell.kinds()


def test_a_stream_without_a_welcome_is_given_up(shell: Shell) -> None:
    shell.session.open(shell.now)
    assert shell.session.why_broken(shell.now + WELCOME_SECONDS - 0.1) is None
    assert shell.session.why_broken(shell.now + WELCOME_SECONDS) == "no Welcome"


def test_the_next_stream_resumes_all_and_repeats_what_was_not_confirmed(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a", b"b", b"c")
    shell.finish(b"a")
    shell.finish(b"b")
    shell.now += GATHER_SECONDS
    assert results(shell.flush()) == [b"a", b"b"]
    shell.settled(b"a")
    shell.session.close()
    assert shell.kinds() == []
    hello, actions = shell.open()
    assert list(hello.resume) == [b"b", b"c"] and actions == []
    messages = shell.flush()
    assert results(messages) == [b"b"]
    # c still runs: of four slots three are free.
    assert [m.credit.add for m in messages if m.HasField("credit")] == [3]


def test_what_is_lost_is_stopped_and_its_result_dropped(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a", b"b")
    shell.finish(b"a")
    shell.session.close()
    _, actions = shell.open(lost=[b"a", b"b"])
    assert actions == [Stop(b"b", pb.Cancel.CAUSE_LEASE_LOST)]
    messages = shell.flush()
    assert results(messages) == []
    # Its slot is free when its handler has ended, not before.
    assert [m.credit.add for m in messages] == [3]
    assert shell.session.finish(b"b", complete(b"b"), shell.now)
    assert [m.WhichOneof("kind") for m in shell.flush()] == ["credit"]


def test_a_cancelled_handler_is_stopped_and_its_result_still_sent(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a")
    shell.flush()
    assert shell.cancel(b"a", pb.Cancel.CAUSE_REQUESTED) == [Stop(b"a", pb.Cancel.CAUSE_REQUESTED)]
    shell.finish(b"a")
    assert results(shell.flush()) == [b"a"]
    # It has ended: there is nothing to stop.
    assert shell.cancel(b"a", pb.Cancel.CAUSE_TIMEOUT) == []


def test_a_refused_result_becomes_a_failed_attempt_once(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a")
    shell.finish(b"a")
    shell.flush()
    [refused] = shell.settled(b"a", outcome=pb.Settlement.OUTCOME_REFUSED)
    assert isinstance(refused, Refused) and refused.reason == "too large"
    [message] = [m for m in shell.flush() if m.HasField("results")]
    assert message.results.results[0].HasField("retry")
    assert message.results.results[0].failure.type == "ResultRefused"
    shell.settled(b"a", outcome=pb.Settlement.OUTCOME_REFUSED)
    shell.now += 10
    assert shell.kinds() == []


def test_a_result_not_taken_now_is_repeated(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a")
    shell.finish(b"a")
    shell.flush()
    shell.settled(b"a", outcome=pb.Settlement.OUTCOME_UNAVAILABLE)
    assert results(shell.flush()) == [b"a"]


def test_a_settlement_of_an_earlier_stream_does_not_confirm_what_was_not_sent_on_this(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a")
    shell.settled(b"a")
    shell.now += 10
    assert "heartbeat" in shell.kinds()


def test_large_results_go_in_several_messages() -> None:
    shell = Shell(slots=40)
    shell.open()
    shell.flush()
    claims = [b"%d" % n for n in range(40)]
    shell.jobs(*claims)
    for claim in claims:
        shell.finish(claim, pb.Result(claim=claim, complete=pb.Complete(result=bytes(60_000))))
    messages = [m for m in shell.flush() if m.HasField("results")]
    assert len(messages) == 3 and results(messages) == claims
    assert all(message.ByteSize() <= MOST_BYTES + 1_000 for message in messages)


def test_a_worker_that_stops_says_goodbye_ends_its_jobs_and_closes(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a")
    shell.flush()
    shell.session.stop()
    assert shell.kinds() == ["goodbye"]
    # What was on its way goes back.
    assert shell.jobs(b"late") == []
    messages = shell.flush()
    assert messages[0].received.number == 2
    shell.now += GATHER_SECONDS
    messages += shell.flush()
    assert [r.WhichOneof("verdict") for m in messages for r in m.results.results] == ["release"]
    shell.settled(b"late")
    shell.finish(b"a")
    messages, is_last, _ = shell.session.flush(shell.now)
    assert results(messages) == [b"a"] and not is_last and not shell.session.is_done
    shell.settled(b"a")
    assert shell.session.flush(shell.now)[1] and shell.session.is_done


def test_handlers_that_outlast_the_drain_are_stopped_and_their_jobs_given_back(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a", b"b")
    shell.finish(b"a")
    shell.session.stop()
    assert shell.session.abandon() == [Stop(b"b", SHUTDOWN)]
    shell.session.release(shell.now)
    shell.now += GATHER_SECONDS
    verdicts = {r.claim: r.WhichOneof("verdict") for m in shell.flush() for r in m.results.results}
    assert verdicts == {b"a": "complete", b"b": "release"}
    # The handler comes too late.
    shell.finish(b"b")
    assert results(shell.flush()) == []


def test_a_stream_to_a_draining_gateway_is_left_with_all_that_still_runs(shell: Shell) -> None:
    shell.open()
    shell.flush()
    shell.jobs(b"a", b"b")
    shell.finish(b"a")
    shell.session.receive(pb.ToWorker(drain=pb.Drain()), shell.now)
    messages, is_last, _ = shell.session.flush(shell.now)
    assert [m.WhichOneof("kind") for m in messages] == ["received", "results"] and is_last
    # It could not be confirmed any more, so the gateway gives it back.
    assert shell.jobs(b"c") == []
    shell.settled(b"a")
    assert shell.session.why_broken(shell.now) is None
    assert shell.session.why_broken(shell.now + LEAVE_SECONDS) is not None
    shell.session.close()
    hello, _ = shell.open()
    assert list(hello.resume) == [b"b"]


def test_messages_that_a_later_gateway_may_send_are_skipped(shell: Shell) -> None:
    shell.open()
    unknown = pb.ToWorker.FromString(bytes([0xFA, 0x3F, 0x01, 0x00]))
    assert unknown.WhichOneof("kind") is None
    assert shell.session.receive(unknown, shell.now) == []
