# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Programs that run beside a check: each with a log of its own in one folder, all stopped whatever happens."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from ports import wait_for

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Processes:
    """A folder and the programs that run in it. Leaving the context stops them, last one first, and removes the folder.
    Only for the main thread, and once: a second Ctrl-C does not keep it from that."""

    def __init__(self, prefix: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=prefix))
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        deaf()
        for name in reversed(list(self._running)):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name: str, command: list[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Starts a program in a session of its own, so that Ctrl-C reaches only us and the order of stopping is ours."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                                                   cwd=self.folder, env=os.environ | dict(environment or {}))

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Signals a program and its group and waits for its end, by SIGKILL where ten seconds were not enough."""
        process = self._running.pop(name, None)
        if process is None:
            return
        self._signal(process, number)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            self._signal(process, signal.SIGKILL)
            process.wait()

    @staticmethod
    def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def answering(self, name: str, url: str) -> None:
        """Waits until a program answers; says what it wrote where it has ended instead."""
        def answers() -> bool:
            if name in self._running and self._running[name].poll() is not None:
                raise RuntimeError(f"{name} has ended:\n{self.log(name).read_text()[-2000:]}")
            try:
                urllib.request.urlopen(url, timeout=2).close()
            except urllib.error.HTTPError as error:
                return error.code < 500
            except OSError:
                return False
            return True

        wait_for(f"{name} at {url}", answers)


def end_on_signals() -> None:
    """Has the first of these signals end this program through every `with`, and those that follow change nothing."""
    def end(number: int, _: object) -> None:
        deaf()
        sys.exit(128 + number)

    for number in ENDING:
        signal.signal(number, end)


def deaf() -> None:
    """From here on this program tidies up and ends: no signal but SIGKILL keeps it from that."""
    for number in ENDING:
        signal.signal(number, lambda *_: None)
