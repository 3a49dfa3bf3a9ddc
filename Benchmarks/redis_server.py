"""A redis-server for one run of the benchmarks: a free port on loopback, nothing on disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path


class PrivateRedis:
    def __enter__(self) -> "PrivateRedis":
        self.directory = Path(tempfile.mkdtemp(prefix="spanq-bench-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no",
             "--dir", str(self.directory), "--loglevel", "warning"],
            stdout=subprocess.DEVNULL)
        for _ in range(500):
            if self.command("PING") == "PONG":
                return self
            time.sleep(0.01)
        raise SystemExit("bench: redis-server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory)

    def command(self, *arguments: str) -> str:
        return subprocess.run(
            ["redis-cli", "-p", str(self.port), *arguments], capture_output=True, text=True, check=False).stdout.strip()

    def flush(self) -> None:
        self.command("FLUSHALL", "SYNC")
        self.command("CONFIG", "RESETSTAT")

    @property
    def cpu_seconds(self) -> float:
        lines = dict(line.split(":") for line in self.command("INFO", "cpu").splitlines() if ":" in line)
        return float(lines["used_cpu_user_main_thread"]) + float(lines["used_cpu_sys_main_thread"])

    @property
    def commands(self) -> int:
        """What clients sent, and what their scripts called."""
        lines = dict(line.split(":") for line in self.command("INFO", "stats").splitlines() if ":" in line)
        return int(lines["total_commands_processed"])
