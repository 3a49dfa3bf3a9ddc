# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A redis-server for one run of the benchmarks: a free port on loopback and one with TLS, nothing on disk."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from processes import free_port


class PrivateRedis:
    def __enter__(self) -> "PrivateRedis":
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.directory = Path(tempfile.mkdtemp(prefix="spanq-bench-"))
        tls_port = free_port()
        self.tls_url = f"rediss://127.0.0.1:{tls_port}"
        #: The server's, and the authority that clients must trust.
        self.certificate = self.directory / "redis.crt"
        self.trust = {"SPANQ_REDIS_TLS_CA": str(self.certificate)}
        self._sign()
        # A group of its own: Ctrl-C is for the driver, which then ends it.
        self.process = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no",
             "--dir", str(self.directory), "--loglevel", "warning", "--tls-port", str(tls_port), "--tls-auth-clients", "no",
             "--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.directory / "redis.key"),
             "--tls-ca-cert-file", str(self.certificate)],
            stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            for _ in range(500):
                if self.command("PING") == "PONG":
                    return self
                time.sleep(0.01)
            raise SystemExit("bench: redis-server did not start")
        except BaseException:
            self.__exit__()
            raise

    def _sign(self) -> None:
        run = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self.directory / "redis.key"),
             "-out", str(self.certificate)], capture_output=True, text=True, check=False)
        if run.returncode:
            shutil.rmtree(self.directory)
            raise SystemExit(f"bench: openssl made no certificate: {run.stderr}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory)

    def command(self, *arguments: str) -> str:
        return subprocess.run(
            ["redis-cli", "-p", str(self.port), *arguments], capture_output=True, text=True, check=False).stdout.strip()

    def flush(self) -> None:
        self.command("FLUSHALL", "SYNC")
        # What was unlinked before is freed by another thread, and would be missing from the next one's memory.
        while int(self.info("memory")["lazyfree_pending_objects"]):
            time.sleep(0.01)
        self.command("CONFIG", "RESETSTAT")

    def info(self, section: str) -> dict[str, str]:
        lines = self.command("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    @property
    def cpu_seconds(self) -> float:
        """Of the thread that runs commands."""
        cpu = self.info("cpu")
        return float(cpu["used_cpu_user_main_thread"]) + float(cpu["used_cpu_sys_main_thread"])

    @property
    def memory(self) -> int:
        return int(self.info("memory")["used_memory"])

    def benchmark(self, clients: int, requests: int) -> dict[str, float]:
        """`LPUSH` of 200 bytes by redis-benchmark: what the machine and this Redis can do for a client that waits for each reply."""
        before = self.cpu_seconds
        text = subprocess.run(
            ["redis-benchmark", "-p", str(self.port), "-c", str(clients), "-n", str(requests), "-d", "200", "-t", "lpush", "--csv"],
            capture_output=True, text=True, check=True).stdout
        rate = float(text.splitlines()[-1].split(",")[1].strip('"'))
        return {
            "jobs": requests, "seconds": requests / rate, "rate": rate,
            "redis_us": (self.cpu_seconds - before) / requests * 1e6,
        }

    def sent_commands(self, seconds: float) -> int:
        """How many commands clients send in this time. INFO counts what scripts call too; MONITOR tells them apart."""
        monitor = subprocess.Popen(
            ["redis-cli", "-p", str(self.port), "MONITOR"], stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            time.sleep(seconds)
        finally:
            monitor.terminate()
            lines = monitor.communicate()[0].splitlines()
        return sum(1 for line in lines if re.match(r"[\d.]+ \[\d+ (?!lua\])", line))
