# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Programs that a benchmark starts, and how they end with it, whatever ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path


class Failed(Exception):
    """What was to be measured did not work."""


@contextlib.contextmanager
def background(
    command: list[str], environment: Mapping[str, str] | None = None, directory: Path | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program in a process group of its own, and ends the group with the block: some leave children behind."""
    process = subprocess.Popen(
        command, env=environment, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None and stop != signal.SIGKILL:
            process.send_signal(stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def output(command: list[str], environment: Mapping[str, str], what: str) -> str:
    """What a program printed. Throws `Failed` with its error where it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{what}: {done.stderr.strip()[-500:] or f'exit code {done.returncode}'}")
    return done.stdout


def wake_ups(pid: int) -> int:
    """How often the threads that live have slept and were woken, since they began."""
    count = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        # A thread may end meanwhile.
        with contextlib.suppress(OSError):
            lines = status.read_text().splitlines()
            count += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return count


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
