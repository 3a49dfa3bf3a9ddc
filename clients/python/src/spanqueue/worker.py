# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Workers: call handlers for the jobs of queues."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import grpc

from spanqueue import tracing, verdicts
from spanqueue.context import Context, logger
from spanqueue.errors import (
    Bury,
    Cancelled,
    Denied,
    InvalidArgument,
    InvalidState,
    Retry,
    Seconds,
    Snooze,
    SpanQueueError,
    Superseded,
    error_of_call,
)
from spanqueue.gateways import TLS, Gateways, backoff, work_call
from spanqueue.jobs import duration, seconds
from spanqueue.session import Action, Refused, Session, Start, Stop
from spanqueue.threads import Threads
from spanqueue.v1 import worker_pb2 as pb
from spanqueue.verdicts import Outcome
from spanqueue.version import VERSION

#: A function or coroutine function. What it returns is kept with the job: bytes as they are, None as nothing, all else as JSON.
Handler = Callable[[Context], object]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

#: Handlers that were asked to end because the worker ends have so long, before their jobs are given back.
GRACE_SECONDS = 2.0
#: Then, or where no gateway answers, it takes so long at most until the worker has ended.
LAST_SECONDS = 3.0


class Worker:
    """Calls handlers for jobs: functions in threads, coroutine functions in an event loop.

    Leases are extended by a thread of its own. Streams that break are opened again, at another gateway if need be, and running handlers
    do not notice. A result is sent until a gateway has confirmed it.
    """

    def __init__(
        self,
        addresses: str | Sequence[str] | None = None,
        *,
        queues: str | Sequence[str] | Mapping[str, int] = "default",
        strict_order: bool = False,
        concurrency: int = 10,
        lease: Seconds = 30.0,
        drain_timeout: Seconds = 25.0,
        name: str | None = None,
        token: str | None = None,
        tls: TLS | None = None,
        describe_error: Callable[[BaseException], str] | None = None,
    ) -> None:
        """Nothing is connected yet.

        `queues`: the queues to serve; as a mapping, with their weights. `strict_order`: one only while all before it are empty.
        `concurrency`: how many handlers run at once, 1 to 1000; no more jobs than that are claimed. `lease`: after so many seconds
        without a sign of life a job runs elsewhere, 5 to 3600. `drain_timeout`: how many seconds handlers have to end after `stop`.
        `name`: of this run of this process; never share it. `describe_error`: the text to store with a failed attempt, for people;
        without it the exception's own and the places of its traceback. `addresses` and `token`: see `Gateways`.
        """
        if not 1 <= concurrency <= 1_000:
            raise ValueError(f"concurrency is 1 to 1000, not {concurrency}")
        self._gateways = Gateways(addresses, token=token, tls=tls)
        self._queues = _lanes(queues)
        self._strict_order = strict_order
        self._concurrency = concurrency
        self._lease = lease
        self._drain_seconds = seconds(drain_timeout)
        self.name = name or _name()
        self._describe = describe_error
        self._handlers: dict[str, Handler] = {}
        self._run: _Run | None = None

    def job(self, type: str) -> Callable[[AnyHandler], AnyHandler]:
        """Makes a function the handler of a job type, or of all that begin so: `@worker.job("email:*")`."""

        def register(handler: AnyHandler) -> AnyHandler:
            self.handle(type, handler)
            return handler

        return register

    def handle(self, type: str, handler: Handler) -> None:
        """As `job`, without a decorator. The longest pattern that fits counts."""
        if type in self._handlers:
            raise ValueError(f"{type} has a handler already")
        self._handlers[type] = handler

    def handler_of(self, type: str) -> Handler | None:
        """The handler that jobs of this type go to."""
        found = self._handlers.get(type)
        if found is not None:
            return found
        fitting = [p for p in self._handlers if p.endswith("*") and type.startswith(p[:-1])]
        return self._handlers[max(fitting, key=len)] if fitting else None

    def run(self, *, signals: bool = True) -> None:
        """Works until `stop`, SIGTERM or SIGINT, and until running handlers have ended. A second signal ends it at once.

        Raises a `SpanQueueError` where the gateway refuses this worker. `signals=False` leaves signals alone, as in a thread other than
        the main one, where they can't be caught.
        """
        run = self._begin(None)
        with contextlib.ExitStack() as stack:
            if signals and threading.current_thread() is threading.main_thread():
                stack.enter_context(_caught(run.on_signal))
            run.start()
            run.join()

    async def serve(self) -> None:
        """As `run`, inside a running event loop, which runs the coroutine functions. Signals are the program's business: call `stop`.

        Where the task is cancelled, it stops as by `stop`, and is cancelled when that is done.
        """
        loop = asyncio.get_running_loop()
        run = self._begin(loop)
        run.start()
        ended = loop.run_in_executor(None, run.join)
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            run.stop()
            await ended
            raise

    def stop(self, *, at_once: bool = False) -> None:
        """Takes no more jobs, and ends when running handlers have ended; `at_once` asks them to end. From any thread, or a handler."""
        if self._run is not None:
            self._run.stop(at_once=at_once)

    def _begin(self, loop: asyncio.AbstractEventLoop | None) -> _Run:
        if self._run is not None and not self._run.is_over:
            raise RuntimeError("this worker runs already")
        if not self._handlers:
            raise RuntimeError("this worker has no handler: @worker.job(…) makes one")
        hello = pb.Hello(
            protocol=1,
            worker=self.name,
            lanes=[pb.Lane(queue=queue, weight=weight) for queue, weight in self._queues.items()],
            lease=duration(self._lease),
            client=f"spanqueue-python/{VERSION}",
            strict_order=self._strict_order,
            types=sorted(self._handlers)[:200],
            concurrency=self._concurrency,
        )
        self._run = _Run(
            self._gateways,
            Session(hello, self._concurrency),
            self.handler_of,
            loop=loop,
            has_coroutines=any(_is_coroutine(handler) for handler in self._handlers.values()),
            concurrency=self._concurrency,
            drain_seconds=self._drain_seconds,
            describe=self._describe,
        )
        return self._run


class _Run:
    """One run of a worker: its threads, its streams, its handlers.

    The session is used under `_lock` only. The thread `spanqueue-stream` opens streams and reads them. gRPC's own thread for writing runs
    `_requests`: heartbeats are sent there, and no handler can block it. `spanqueue-clock` sees that nothing waits for ever.
    """

    def __init__(
        self,
        gateways: Gateways,
        session: Session,
        handler_of: Callable[[str], Handler | None],
        *,
        loop: asyncio.AbstractEventLoop | None,
        has_coroutines: bool,
        concurrency: int,
        drain_seconds: float,
        describe: Callable[[BaseException], str] | None,
    ) -> None:
        self._gateways = gateways
        self._session = session
        self._handler_of = handler_of
        self._drain_seconds = drain_seconds
        self._describe = describe
        self._lock = threading.Condition()
        self._contexts: dict[bytes, Context] = {}
        self._known: dict[str, tuple[Handler | None, bool]] = {}
        self._threads = Threads(concurrency)
        self._loop = loop
        self._own_loop = asyncio.new_event_loop() if loop is None and has_coroutines else None
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._ended: list[tuple[bytes, pb.Result | None]] = []
        self._stream = threading.Thread(target=self._stay_connected, name="spanqueue-stream", daemon=True)
        self._clock = threading.Thread(target=self._watch, name="spanqueue-clock", daemon=True)
        self._wake_clock = threading.Event()
        self._call: Any = None
        self._stopped_at: float | None = None
        self._abandoned_at: float | None = None
        self._grace = GRACE_SECONDS
        self._skew = 0.0
        self._failure: BaseException | None = None
        self.is_over = False

    # Start and end.

    def start(self) -> None:
        if self._own_loop is not None:
            self._loop = self._own_loop
            threading.Thread(target=self._run_loop, args=[self._own_loop], name="spanqueue-loop", daemon=True).start()
        self._clock.start()
        self._stream.start()

    def join(self) -> None:
        self._stream.join()
        self.is_over = True
        self._wake_clock.set()
        self._clock.join()
        self._threads.close()
        if self._own_loop is not None:
            self._own_loop.call_soon_threadsafe(self._own_loop.stop)
        if self._failure is not None:
            raise self._failure

    @staticmethod
    def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
        finally:
            loop.close()

    def on_signal(self) -> None:
        self.stop(at_once=self._stopped_at is not None)

    def stop(self, *, at_once: bool = False) -> None:
        with self._lock:
            if self._stopped_at is None:
                self._stopped_at = time.monotonic()
            if at_once:
                self._stopped_at = float("-inf")
                self._grace = min(self._grace, 0.5)
            self._session.stop()
            self._lock.notify_all()
        self._wake_clock.set()

    # Streams.

    def _stay_connected(self) -> None:
        channels = [self._gateways.channel(address) for address in self._gateways.addresses]
        tries = 0
        was_welcome = False
        try:
            while not self._is_finished():
                error, welcome = self._one_stream(channels[0])
                was_welcome = was_welcome or welcome
                tries = 1 if welcome else tries + 1
                if error is not None and (isinstance(error, Superseded) or (not was_welcome and _is_final(error))):
                    raise error
                # The next address, and this one when all others were tried.
                channels.append(channels.pop(0))
                pause = max(backoff(tries), (error.retry_after or 0.0) if error is not None else 0.0)
                if error is not None and not self._is_finished():
                    say = logger.warning if tries == 1 or tries % 20 == 0 else logger.debug
                    say("no stream with a gateway: %s (%s); again in %.2f s", error, error.code, pause)
                with self._lock:
                    self._lock.wait_for(self._is_finished, pause)
        except BaseException as failure:
            self._failure = failure
            with self._lock:
                actions = self._session.abandon()
            self._perform(actions)
        finally:
            for channel in channels:
                channel.close()

    def _is_finished(self) -> bool:
        """Everything is done, or there is nobody to tell it to."""
        if self._session.is_done:
            return True
        return self._abandoned_at is not None and time.monotonic() >= self._abandoned_at + self._grace + LAST_SECONDS

    def _one_stream(self, channel: grpc.Channel) -> tuple[SpanQueueError | None, bool]:
        """A stream from its beginning to its end: how it ended, and whether it ever worked."""
        stream = _Stream()
        with self._lock:
            hello = self._session.open(time.monotonic())
        welcome = False
        try:
            call = work_call(channel)(self._requests(stream, hello), metadata=self._gateways.metadata)
            self._call = call
            for message in call:
                with self._lock:
                    actions = self._session.receive(message, time.monotonic())
                    self._lock.notify_all()
                if message.HasField("welcome"):
                    welcome = True
                    self._welcomed(message.welcome)
                if actions:
                    self._perform(actions)
            return None, welcome
        except grpc.RpcError as failure:
            return error_of_call(failure), welcome
        finally:
            self._call = None
            with self._lock:
                stream.is_over = True
                self._session.close()
                self._lock.notify_all()

    def _welcomed(self, welcome: pb.Welcome) -> None:
        # The engine's clock decides of deadlines, not this machine's.
        self._skew = welcome.now.ToNanoseconds() / 1e9 - time.time() if welcome.HasField("now") else 0.0
        logger.info("works for %s", welcome.server)

    def _requests(self, stream: _Stream, hello: pb.FromWorker) -> Iterator[pb.FromWorker]:
        """What is sent on one stream; gRPC's thread for writing waits here."""
        yield hello
        while True:
            with self._lock:
                while True:
                    if stream.is_over:
                        return
                    messages, is_last, wait = self._session.flush(time.monotonic())
                    if messages or is_last:
                        break
                    self._lock.wait(wait)
            yield from messages
            if is_last:
                self._wake_clock.set()
                return

    def _watch(self) -> None:
        """Gives up streams that nobody answers, and ends handlers that outlast the time they have."""
        while not self.is_over:
            with self._lock:
                why = self._session.why_broken(time.monotonic())
                pause = self._session.watch_seconds
                actions = self._end_handlers(time.monotonic()) if self._stopped_at is not None else []
            if why is not None and (call := self._call) is not None:
                logger.debug("gives up a stream: %s", why)
                call.cancel()
            self._perform(actions)
            self._wake_clock.wait(pause)
            self._wake_clock.clear()

    def _end_handlers(self, now: float) -> list[Action]:
        if self._abandoned_at is None:
            if self._stopped_at is None or now < self._stopped_at + self._drain_seconds:
                return []
            self._abandoned_at = now
            return self._session.abandon()
        if now >= self._abandoned_at + self._grace:
            self._session.release(now)
            self._lock.notify_all()
        if self._is_finished() and (call := self._call) is not None and now >= self._abandoned_at + self._grace + LAST_SECONDS:
            call.cancel()
        return []

    # Handlers.

    def _perform(self, actions: list[Action]) -> None:
        tasks: list[tuple[Handler, Context, pb.Job]] = []
        for action in actions:
            if isinstance(action, Start):
                self._start_handler(action.job, tasks)
            elif isinstance(action, Stop):
                self._stop_handler(action)
            elif isinstance(action, Refused):
                logger.error("the gateway refused the result of job %s: %s", action.job.id, action.reason)
        if tasks and self._loop is not None:
            self._loop.call_soon_threadsafe(self._start_tasks, tasks)

    def _start_handler(self, job: pb.Job, tasks: list[tuple[Handler, Context, pb.Job]]) -> None:
        handler, is_coroutine = self._resolved(job.type)
        if handler is None:
            return self._finish(job.claim, verdicts.unhandled(job.claim))
        if job.HasField("deadline") and time.time() + self._skew > job.deadline.ToNanoseconds() / 1e9:
            return self._finish(job.claim, verdicts.expired(job.claim))
        context = Context(job, self._report)
        self._contexts[job.claim] = context
        if is_coroutine:
            tasks.append((handler, context, job))
        else:
            self._threads.run(functools.partial(self._call_handler, handler, context, job))

    def _resolved(self, type: str) -> tuple[Handler | None, bool]:
        """The handler of a type, and whether it is for the loop."""
        found = self._known.get(type)
        if found is None:
            handler = self._handler_of(type)
            found = (handler, handler is not None and _is_coroutine(handler))
            if len(self._known) < 1_000:  # types come from outside
                self._known[type] = found
        return found

    def _stop_handler(self, stop: Stop) -> None:
        context = self._contexts.get(stop.claim)
        if context is None:
            return
        context._stop(stop.cause)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel_task, stop.claim)

    def _call_handler(self, handler: Handler, context: Context, job: pb.Job) -> None:
        """In a thread."""
        begun = time.monotonic()
        if context.cancelled:
            outcome = Outcome(error=Cancelled("it was cancelled before it began"))
        else:
            detach = tracing.attached(job.traceparent, job.tracestate, job.baggage)
            try:
                outcome = Outcome(handler(context))
            except BaseException as error:
                outcome = Outcome(error=error)
            finally:
                detach()
        self._finish(job.claim, self._result(job, context, outcome, begun))

    def _start_tasks(self, tasks: list[tuple[Handler, Context, pb.Job]]) -> None:
        """In the loop."""
        loop = self._loop
        assert loop is not None
        for handler, context, job in tasks:
            self._tasks[job.claim] = loop.create_task(self._await_handler(handler, context, job))
            if context.cancelled:
                self._cancel_task(job.claim)

    def _cancel_task(self, claim: bytes) -> None:
        """In the loop."""
        task = self._tasks.get(claim)
        if task is not None and self._loop is not None:
            # Not now: a task that is cancelled before its first step never tells that it has ended.
            self._loop.call_soon(task.cancel)

    async def _await_handler(self, handler: Handler, context: Context, job: pb.Job) -> None:
        begun = time.monotonic()
        # Not detached: it is this task's own, and ends with it.
        tracing.attached(job.traceparent, job.tracestate, job.baggage)
        try:
            outcome = Outcome(await handler(context))  # type: ignore[misc]
        except BaseException as error:
            outcome = Outcome(error=error)
        del self._tasks[job.claim]
        self._ended.append((job.claim, self._result(job, context, outcome, begun)))
        if len(self._ended) == 1:
            # After all tasks that end in this turn of the loop.
            asyncio.get_running_loop().call_soon(self._finish_tasks)

    def _finish_tasks(self) -> None:
        ended, self._ended = self._ended, []
        now = time.monotonic()
        with self._lock:
            wakes = [self._session.finish(claim, result, now) for claim, result in ended]
            if any(wakes):
                self._lock.notify_all()
        for claim, _ in ended:
            self._contexts.pop(claim, None)

    def _finish(self, claim: bytes, result: pb.Result | None) -> None:
        with self._lock:
            if self._session.finish(claim, result, time.monotonic()):
                self._lock.notify_all()
        self._contexts.pop(claim, None)

    def _result(self, job: pb.Job, context: Context, outcome: Outcome, begun: float) -> pb.Result | None:
        error = outcome.error
        if error is not None and not context.cancelled and not isinstance(error, (Retry, Bury, Snooze, Cancelled)):
            logger.warning("job %s (%s), attempt %d, failed", job.id, job.type, job.attempt, exc_info=error)
        try:
            result = verdicts.result_of(job.claim, outcome, context._cause, self._describe)
        except Exception as failure:  # of `describe_error`, or of a delay that is no number
            logger.exception("job %s: how it ended can't be told", job.id)
            result = verdicts.result_of(job.claim, Outcome(error=failure), context._cause)
        if result is not None:
            took = int((time.monotonic() - begun) * 1e9)
            result.took.seconds, result.took.nanos = divmod(took, 1_000_000_000)
        return result

    def _report(self, claim: bytes, fraction: float, note: str) -> None:
        with self._lock:
            self._session.progress(claim, fraction, note)


class _Stream:
    is_over = False


def _is_final(error: SpanQueueError) -> bool:
    """Whether another try can't help."""
    return isinstance(error, (Denied, InvalidArgument, InvalidState)) or error.code == "unimplemented"


def _is_coroutine(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))


def _lanes(queues: str | Sequence[str] | Mapping[str, int]) -> dict[str, int]:
    if isinstance(queues, str):
        return {queues: 1}
    return dict(queues) if isinstance(queues, Mapping) else dict.fromkeys(queues, 1)


def _name() -> str:
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())[:80]
    return f"{host}-{os.getpid()}-{os.urandom(4).hex()}"


@contextlib.contextmanager
def _caught(action: Callable[[], None]) -> Generator[None]:
    """While it lasts, SIGTERM and SIGINT call the action."""
    before = {number: signal.signal(number, lambda *_: action()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
