# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What tests against real gateways share: one private Redis, and gateways on it.

`SPANQ_TEST_STORE` names another store for them, such as a Postgres.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spanqueue import Client
from spanqueue.testing import Gateway, PrivateRedis, wait_until

pytest_plugins = ["spanqueue.pytest_plugin"]


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    if url := os.environ.get("SPANQ_TEST_STORE"):
        yield url
        return
    redis = PrivateRedis()
    yield redis.url
    redis.close()


@pytest.fixture(scope="session")
def spanq_gateway(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for all tests that do not end it."""
    gateway = Gateway(store, log=tmp_path_factory.mktemp("gateway") / "log")
    yield gateway
    gateway.close()


@pytest.fixture
def new_gateway(store: str, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Makes gateways of the test's own, on the same store or another."""
    with contextlib.ExitStack() as stack:

        def make(address: str | None = None, *arguments: str, of: str | None = None) -> Gateway:
            gateway = Gateway(of or store, address=address, arguments=arguments, log=tmp_path / "gateway.log")
            stack.callback(gateway.close)
            return gateway

        yield make


@pytest.fixture
def own_redis() -> Iterator[PrivateRedis]:
    """One that may be stopped."""
    redis = PrivateRedis()
    yield redis
    redis.close()


class WorkerProcess:
    """`worker_process.py`, and the lines that it prints."""

    def __init__(self, *arguments: str) -> None:
        script = Path(__file__).with_name("worker_process.py")
        self.process = subprocess.Popen([sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, line: str) -> None:
        wait_until(lambda: line in self.lines, f"the worker has printed {line!r}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def new_worker_process() -> Iterator[Callable[..., WorkerProcess]]:
    with contextlib.ExitStack() as stack:

        def make(*arguments: str) -> WorkerProcess:
            worker = WorkerProcess(*arguments)
            stack.callback(worker.close)
            return worker

        yield make


@pytest.fixture
def client(spanq_client: Client) -> Client:
    return spanq_client


@pytest.fixture
def queue(spanq_queue: str) -> str:
    return spanq_queue
