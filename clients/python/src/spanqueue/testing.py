# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""For tests: a handler called once without a queue, and a gateway of your own with a private Redis behind it.

`pytest_plugins = ["spanqueue.pytest_plugin"]` in a conftest.py has the same as fixtures.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spanqueue import verdicts
from spanqueue.client import Client
from spanqueue.context import Context
from spanqueue.jobs import JobRecord, JobState, encoded
from spanqueue.v1 import worker_pb2 as pb
from spanqueue.worker import Worker, _is_coroutine


@dataclass(frozen=True)
class Performed:
    """How one attempt ended."""

    #: "complete", "retry", "bury", "snooze", "cancelled" or "unhandled".
    verdict: str
    #: What would be kept with the job.
    result: bytes | None = None
    #: Of "retry" and "bury".
    error_type: str = ""
    error: str = ""
    #: Seconds, of "snooze", and of "retry" where the handler says when.
    delay: float | None = None
    #: What the handler last said of its progress.
    progress: tuple[float, str] | None = None


def perform(
    worker: Worker,
    type: str,
    payload: object = None,
    *,
    id: str = "test",
    queue: str = "default",
    attempt: int = 1,
    max_attempts: int = 26,
    tags: Sequence[str] = (),
) -> Performed:
    """Calls the worker's handler for such a job once, here and now, and says how the attempt would end. Nothing is connected.

    Not from a running event loop, where the handler is a coroutine function.
    """
    handler = worker.handler_of(type)
    if handler is None:
        return Performed("unhandled")
    job = pb.Job(
        claim=b"test", id=id, queue=queue, type=type, payload=encoded(payload), attempt=attempt, max_attempts=max_attempts, tags=tags
    )
    job.enqueued_at.GetCurrentTime()
    reports: list[tuple[float, str]] = []
    context = Context(job, lambda claim, fraction, note: reports.append((fraction, note)))

    async def awaited() -> object:
        return await handler(context)  # type: ignore[misc]

    try:
        outcome = verdicts.Outcome(asyncio.run(awaited()) if _is_coroutine(handler) else handler(context))
    except Exception as error:
        outcome = verdicts.Outcome(error=error)
    found = verdicts.result_of(b"test", outcome, None)
    assert found is not None
    verdict = found.WhichOneof("verdict") or ""
    delay = None
    if verdict == "snooze" or (verdict == "retry" and found.retry.HasField("delay")):
        delay = getattr(found, verdict).delay.ToTimedelta().total_seconds()
    return Performed(
        verdict,
        result=found.complete.result if found.complete.HasField("result") else None,
        error_type=found.failure.type,
        error=found.failure.message,
        delay=delay,
        progress=reports[-1] if reports else None,
    )


class PrivateRedis:
    """A redis-server of your own, on a Unix socket in a folder that is removed at the end. Nothing is kept."""

    def __init__(self) -> None:
        # Not pytest's folder: a socket's path may have 107 characters.
        self._folder = tempfile.mkdtemp(prefix="spanq-")
        socket_path = Path(self._folder) / "redis.sock"
        self.url = f"unix://{socket_path}"
        server = _program("redis-server", "install Redis 7.0 or later")
        settings = ["--port", "0", "--unixsocket", str(socket_path), "--save", "", "--dir", self._folder]
        self._process = subprocess.Popen([server, *settings], stdout=subprocess.DEVNULL)
        wait_until(socket_path.exists, "redis-server has made its socket")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


class Gateway:
    """A gateway of your own, as a process on a free port of the loopback.

    The program is `spanq-gateway` in the PATH, or what `SPANQ_GATEWAY_PROGRAM` says.
    """

    def __init__(
        self,
        store: str,
        *,
        address: str | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        """`store`: the URL of its Redis or Postgres. `address`: host:port, to start one again where another was. `log`: a file for its log.

        Of this process' environment it gets all but what begins with `SPANQ_`, and `environment` besides.
        """
        self.address = address or f"127.0.0.1:{_free_port()}"
        program = os.environ.get("SPANQ_GATEWAY_PROGRAM") or _program("spanq-gateway", "build it: SPANQ_BUILD_GATEWAY=1 swift build --product spanq-gateway")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SPANQ_")}
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(log.open("ab")) if log is not None else subprocess.DEVNULL
            self.process = subprocess.Popen(
                [program, "--listen", self.address, "--metrics-listen", "none", "--url", store, *arguments],
                env={**inherited, **(environment or {})},
                stderr=output,
            )
        wait_until(self._is_listening, "the gateway listens")

    def _is_listening(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the gateway has ended with {self.process.returncode}")
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """As a crash ends it."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """As a deployment ends it: by SIGTERM, and after 10 s by SIGKILL."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


@contextlib.contextmanager
def private_gateway(*, arguments: Sequence[str] = ()) -> Generator[Gateway]:
    """A gateway with a private Redis behind it."""
    with contextlib.ExitStack() as stack:
        redis = PrivateRedis()
        stack.callback(redis.close)
        gateway = Gateway(redis.url, arguments=arguments)
        stack.callback(gateway.close)
        yield gateway


@contextlib.contextmanager
def running(worker: Worker) -> Generator[Worker]:
    """The worker, running in a thread. It is stopped at the end, and what it raised is raised."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            worker.run(signals=False)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, name="spanqueue-worker", daemon=True)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join()
    if failures:
        raise failures[0]


def wait_for(client: Client, id: str, *, queue: str = "", state: JobState | None = None, seconds: float = 20.0) -> JobRecord:
    """The job, with its payload and result, once it is in that state; in a final one, where none is given."""
    found: list[JobRecord] = []

    def is_there() -> bool:
        found[:] = [client.get(id, queue=queue, with_payload=True)]
        return found[0].state == state if state is not None else found[0].state.is_final

    wait_until(is_there, f"job {id} is {state.value if state is not None else 'over'}", seconds=seconds)
    return found[0]


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 20.0) -> None:
    """Returns when the condition holds; raises `TimeoutError`, which says what was waited for, if that takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str, hint: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not in the PATH: {hint}")
    return found
