# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Producers and workers against a real gateway on a real Redis."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from conftest import WorkerProcess
from spanqueue import (
    AsyncClient,
    Backoff,
    Bury,
    Client,
    Conflict,
    Context,
    InvalidArgument,
    JobState,
    NewJob,
    NotFound,
    Receipt,
    Retry,
    Snooze,
    SpanQueueError,
    Superseded,
    Unavailable,
    Unique,
    Worker,
)
from spanqueue.testing import Gateway, running, wait_for, wait_until


def worker_of(gateway: Gateway, queue: str, **options: Any) -> Worker:
    return Worker(gateway.address, queues=queue, **options)


def test_a_job_goes_to_its_handler_and_its_result_is_kept(spanq_gateway: Gateway, client: Client, queue: str) -> None:
    worker = worker_of(spanq_gateway, queue)
    seen: list[Context] = []

    @worker.job("email:welcome")
    def welcome(context: Context) -> object:
        seen.append(context)
        return {"sent": context.json()["to"]}

    receipt = client.enqueue("email:welcome", {"to": "ada"}, queue=queue, tags=["a", "b"], priority=3, timeout=60)
    assert receipt.state == JobState.READY and receipt.enqueued_at is not None and not receipt.is_duplicate
    with running(worker):
        job = wait_for(client, receipt.id)
    assert (job.state, job.result, job.attempt, job.reclaims) == (JobState.COMPLETED, b'{"sent":"ada"}', 1, 0)
    [context] = seen
    assert (context.id, context.queue, context.type) == (receipt.id, queue, "email:welcome")
    assert (context.attempt, context.priority, context.tags, context.token > 0) == (1, 3, ("a", "b"), True)
    assert context.timeout is not None and context.timeout.total_seconds() == 60
    assert context.enqueued_at == receipt.enqueued_at and context.traceparent.split("-")[1] != "0" * 32


def test_coroutines_run_in_a_loop_and_many_at_once(spanq_gateway: Gateway, client: Client, queue: str) -> None:
    worker = worker_of(spanq_gateway, queue, concurrency=50)
    together = 0
    most = 0

    @worker.job("job")
    async def job(context: Context) -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        while most < 50:
            await asyncio.sleep(0.01)
        together -= 1

    receipts = client.enqueue_many([NewJob("job", queue=queue) for _ in range(500)])
    with running(worker):
        for receipt in receipts:
            assert isinstance(receipt, Receipt)
            assert wait_for(client, receipt.id, queue=queue).state == JobState.COMPLETED
    assert most == 50


def test_an_exception_is_retried_and_then_a_dead_letter(spanq_gateway: Gateway, client: Client, queue: str) -> None:
    worker = worker_of(spanq_gateway, queue)
    attempts: list[int] = []

    @worker.job("job")
    def job(context: Context) -> None:
        attempts.append(context.attempt)
        raise KeyError("no such user")

    receipt = client.enqueue("job", queue=queue, max_retries=2, backoff=Backoff.constant(0.01))
    with running(worker):
        record = wait_for(client, receipt.id)
    assert attempts == [1, 2, 3]
    assert record.state == JobState.DEAD and record.end_reason == "attempts_exhausted"
    assert "no such user" in record.last_error


def test_handlers_say_how_their_attempt_ends(spanq_gateway: Gateway, client: Client, queue: str) -> None:
    worker = worker_of(spanq_gateway, queue)
    attempts: list[tuple[str, int]] = []

    @worker.job("*")
    def job(context: Context) -> None:
        attempts.append((context.type, context.attempt))
        is_first = attempts.count((context.type, context.attempt)) == 1
        if context.type == "retry" and context.attempt == 1:
            raise Retry("busy", after=0.05)
        if context.type == "snooze" and is_first:
            raise Snooze(0.05)
        if context.type == "bury":
            raise Bury("gone for ever")
        if context.type == "json":
            context.json()

    ids = {type: client.enqueue(type, b"{", queue=queue).id for type in ("retry", "snooze", "bury", "json")}
    with running(worker):
        records = {type: wait_for(client, id) for type, id in ids.items()}
    assert {type: record.state for type, record in records.items()} == {
        "retry": JobState.COMPLETED,
        "snooze": JobState.COMPLETED,
        "bury": JobState.DEAD,
        "json": JobState.DEAD,
    }
    assert records["retry"].attempt == 2
    # No attempt is charged for having been put off.
    assert [attempt for type, attempt in attempts if type == "snooze"] == [1, 1]
    assert records["bury"].last_error.startswith("gone for ever")
    assert "not JSON" in records["json"].last_error


def test_duplicates_are_answers_and_refusals_are_errors(client: Client, queue: str) -> None:
    first = client.enqueue("job", 1, queue=queue, unique=Unique(key="k"))
    second = client.enqueue("job", 2, queue=queue, unique=Unique(key="k"))
    assert second.is_duplicate and second.id == first.id and not first.is_duplicate
    mine = client.enqueue("job", 1, queue=queue, id=f"mine-{queue}")
    again = client.enqueue("job", 1, queue=queue, id=f"mine-{queue}")
    assert (mine.id, mine.enqueued_at) == (again.id, again.enqueued_at)
    with pytest.raises(Conflict) as conflict:
        client.enqueue("job", 2, queue=queue, id=f"mine-{queue}")
    assert conflict.value.code == "conflict" and not conflict.value.may_have_run
    with pytest.raises(InvalidArgument):
        client.enqueue("job", queue="no spaces")
    with pytest.raises(NotFound):
        client.get("no-such-job")
    assert client.cancel(first.id, queue=queue, reason="test") == JobState.CANCELLED


def test_each_job_of_a_batch_is_accepted_or_refused_for_itself(client: Client, queue: str) -> None:
    jobs = [NewJob("job", n, queue=queue if n != 3 else "no spaces") for n in range(2_500)]
    outcomes = client.enqueue_many(jobs)
    assert len(outcomes) == 2_500
    assert isinstance(outcomes[3], InvalidArgument)
    receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert len({receipt.id for receipt in receipts}) == 2_499


def test_threads_that_enqueue_at_the_same_time_share_calls(client: Client, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    call = client._call

    def noted(name: str, *rest: Any) -> Any:
        calls.append(name)
        return call(name, *rest)

    monkeypatch.setattr(client, "_call", noted)
    found: dict[str, object] = {}

    def enqueue(n: int) -> None:
        for m in range(10):
            id = f"{queue}-{n}-{m}"
            try:
                found[id] = client.enqueue("job", id=id, queue=queue if (n, m) != (7, 5) else "no spaces")
            except SpanQueueError as error:
                found[id] = error

    threads = [threading.Thread(target=enqueue, args=[n]) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Each has its own outcome.
    assert isinstance(found.pop(f"{queue}-7-5"), InvalidArgument)
    assert len(found) == 399
    assert all(isinstance(outcome, Receipt) and outcome.id == id for id, outcome in found.items())
    assert len(calls) < 200 and "enqueue_batch" in calls
    assert client._calling == 0 and client._waiting == []


def test_tasks_that_enqueue_at_the_same_time_share_calls(spanq_gateway: Gateway, queue: str) -> None:
    async def run() -> None:
        async with AsyncClient(spanq_gateway.address) as client:
            queues = [queue if n != 5 else "no spaces" for n in range(400)]
            jobs = [client.enqueue("job", n, queue=name) for n, name in enumerate(queues)]
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
            assert isinstance(outcomes[5], InvalidArgument)
            receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
            assert len({receipt.id for receipt in receipts}) == 399
            assert (await client.get(receipts[0].id)).state == JobState.READY
            many = await client.enqueue_many([NewJob("job", queue=queue), NewJob("no type!", queue=queue)])
            assert [type(outcome) for outcome in many] == [Receipt, InvalidArgument]
            assert await client.cancel(receipts[0].id, queue=queue) == JobState.CANCELLED
            assert client._calling == 0

    asyncio.run(run())


def test_without_a_gateway_a_call_ends_in_time_and_says_so(queue: str) -> None:
    begun = time.monotonic()
    with Client("127.0.0.1:1", timeout=0.5) as client, pytest.raises(Unavailable):
        client.enqueue("job", queue=queue)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
def test_a_running_job_can_be_cancelled(spanq_gateway: Gateway, client: Client, queue: str, kind: str) -> None:
    worker = worker_of(spanq_gateway, queue, lease=5)
    contexts: list[Context] = []

    def thread(context: Context) -> None:
        contexts.append(context)
        assert context.wait_cancelled(20)
        context.raise_if_cancelled()

    async def coroutine(context: Context) -> None:
        contexts.append(context)
        await asyncio.sleep(20)

    worker.handle("job", thread if kind == "thread" else coroutine)
    id = client.enqueue("job", queue=queue).id
    with running(worker):
        wait_until(lambda: contexts != [], "the handler has begun")
        contexts[0].progress(0.4, "on the way")
        wait_until(lambda: client.get(id, queue=queue).progress == 0.4, "progress came with a heartbeat")
        client.cancel(id, queue=queue)
        record = wait_for(client, id, queue=queue)
    assert record.state == JobState.CANCELLED and contexts[0].cancel_cause == "requested"


def test_an_attempt_ends_at_its_timeout(spanq_gateway: Gateway, client: Client, queue: str) -> None:
    worker = worker_of(spanq_gateway, queue)
    causes: list[str | None] = []

    @worker.job("job")
    async def job(context: Context) -> None:
        try:
            await asyncio.sleep(20)
        finally:
            causes.append(context.cancel_cause)

    id = client.enqueue("job", queue=queue, timeout=0.2, max_retries=0).id
    with running(worker):
        record = wait_for(client, id, queue=queue)
    assert record.state == JobState.DEAD and causes == ["timeout"]


def test_a_job_without_a_handler_is_put_off_and_no_attempt_is_charged(spanq_gateway: Gateway, client: Client, queue: str) -> None:
    worker = worker_of(spanq_gateway, queue)
    worker.handle("other", lambda context: None)
    id = client.enqueue("job", queue=queue).id
    with running(worker):
        record = wait_for(client, id, queue=queue, state=JobState.RETRYING)
        # The worker goes on.
        assert wait_for(client, client.enqueue("other", queue=queue).id).state == JobState.COMPLETED
    assert (record.attempt, record.reclaims) == (0, 0) and record.due_at is not None


def test_serve_works_in_the_programs_own_loop(spanq_gateway: Gateway, queue: str) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        worker = worker_of(spanq_gateway, queue)
        loops: list[object] = []

        @worker.job("job")
        async def job(context: Context) -> None:
            loops.append(asyncio.get_running_loop())
            await asyncio.sleep(0.2)

        serving = loop.create_task(worker.serve())
        async with AsyncClient(spanq_gateway.address) as client:
            id = (await client.enqueue("job", queue=queue)).id
            while not loops:
                await asyncio.sleep(0.01)
            # It ends what runs, then it is cancelled.
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            assert loops == [loop]
            assert (await client.get(id)).state == JobState.COMPLETED

    asyncio.run(run())


def test_one_signal_drains_a_worker(
    spanq_gateway: Gateway, client: Client, queue: str, new_worker_process: Callable[..., WorkerProcess]
) -> None:
    worker = new_worker_process(spanq_gateway.address, queue, "0.6")
    ids = [client.enqueue("job", n, queue=queue).id for n in range(12)]
    worker.wait_for(f"begun {ids[0]}")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(10) == 0
    worker.wait_for("over")
    begun = {line.split()[1] for line in worker.lines if line.startswith("begun")}
    states = {id: client.get(id, queue=queue) for id in ids}
    assert {id for id, record in states.items() if record.state == JobState.COMPLETED} == begun
    # The others are as if nobody had ever had them.
    assert {(r.state, r.attempt, r.reclaims) for id, r in states.items() if id not in begun} == {(JobState.READY, 0, 0)}


def test_two_signals_end_a_worker_at_once(
    spanq_gateway: Gateway, client: Client, queue: str, new_worker_process: Callable[..., WorkerProcess]
) -> None:
    worker = new_worker_process(spanq_gateway.address, queue, "60")
    id = client.enqueue("job", queue=queue).id
    worker.wait_for(f"begun {id}")
    worker.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert worker.process.poll() is None
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(10) == 0
    assert f"asked {id} shutdown" in worker.lines
    record = client.get(id, queue=queue)
    assert (record.state, record.reclaims) == (JobState.READY, 0)


def test_a_worker_with_anothers_name_takes_its_place(spanq_gateway: Gateway, queue: str) -> None:
    first = worker_of(spanq_gateway, queue, name=f"name-{queue}"[:100])
    second = worker_of(spanq_gateway, queue, name=f"name-{queue}"[:100])
    for worker in (first, second):
        worker.handle("job", lambda context: None)
    with pytest.raises(Superseded), running(first):
        wait_until(lambda: first._run is not None and first._run._session._stream is not None, "the first has a stream")
        time.sleep(0.2)
        with running(second):
            assert first._run is not None
            first._run._stream.join(10)


@pytest.mark.parametrize(("options", "kind"), [({"queues": "no spaces"}, InvalidArgument), ({"lease": 1}, InvalidArgument)])
def test_a_worker_that_the_gateway_refuses_says_why(spanq_gateway: Gateway, options: dict[str, Any], kind: type[Exception]) -> None:
    worker = Worker(spanq_gateway.address, **options)
    worker.handle("job", lambda context: None)
    with pytest.raises(kind):
        worker.run(signals=False)
