# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A Postgres of the benchmarks' own: fsync on, a Unix socket, and how long the disk takes for an fsync."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

SETTINGS = {
    "listen_addresses": "", "fsync": "on", "shared_buffers": "512MB", "max_connections": "200", "autovacuum_naptime": "10s",
    "max_wal_size": "4GB", "log_min_messages": "fatal",
}


def programs() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not versions:
        raise SystemExit("bench: there is no Postgres here: apt-get install postgresql")
    return versions[-1]


class PrivatePostgres:
    """Root can't run it: as root it is nobody's."""

    def __enter__(self) -> PrivatePostgres:
        self.directory = Path(tempfile.mkdtemp(prefix="spanq-bench-pg-"))
        self.user: str | None = None
        if os.geteuid() == 0:
            self.user = "nobody"
            os.chown(self.directory, pwd.getpwnam("nobody").pw_uid, -1)
        self.directory.chmod(0o755)
        data = self.directory / "data"
        try:
            self._run("initdb", "-D", str(data), "-U", "spanq", "-A", "trust", "-E", "UTF8", "--locale", "C")
            words = [f"-c{name}={value}" for name, value in SETTINGS.items()]
            self.process = subprocess.Popen(
                [programs() / "postgres", "-D", data, f"-cunix_socket_directories={self.directory}", *words], cwd="/",
                user=self.user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            for _ in range(3000):
                if (self.directory / ".s.PGSQL.5432").exists() and self._is_ready():
                    return self
                time.sleep(0.01)
            raise SystemExit("bench: postgres did not start")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        subprocess.run([programs() / program, *words], check=True, cwd="/", user=self.user, stdout=subprocess.DEVNULL)

    def _is_ready(self) -> bool:
        return subprocess.run([programs() / "pg_isready", "-q", "-h", self.directory], check=False).returncode == 0

    @property
    def url(self) -> str:
        return f"postgres://spanq@/postgres?host={self.directory}"

    @property
    def cpu_seconds(self) -> float:
        """Of all its processes, those that have ended included."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if path.parent.name == str(self.process.pid):
                ticks += sum(map(int, fields[11:15]))
            elif fields[1] == str(self.process.pid):
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def fsync_milliseconds(self) -> float:
        """The median of 200: a block is written and has to reach the disk."""
        times = []
        file = os.open(self.directory / "fsync", os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            for _ in range(200):
                start = time.perf_counter()
                os.pwrite(file, b"x" * 8192, 0)
                os.fdatasync(file)
                times.append((time.perf_counter() - start) * 1000)
        finally:
            os.close(file)
        return statistics.median(times)
