#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Without an argument checks the routes of Alertmanager with amtool, and its inhibitions in a real one. Given the command `spanq`, that
notifications become jobs.

usage: alertmanager.py [SPANQ]
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import rulefiles

FOLDER = rulefiles.ROOT / "deploy/alertmanager"
CONFIG = FOLDER / "alertmanager.yml"
DIRECT = {"SpanqRedisUnreachable", "SpanqNoGauges"}

# What fires together, and what of it must be told.
INHIBITIONS: list[tuple[list[str], set[str]]] = [
    (["SpanqNoWorkers mail", "SpanqQueueStalled mail", "SpanqOldestJobTooOld mail", "SpanqWaitBurnFast mail", "SpanqDepthHigh mail",
      "SpanqScheduleLag mail", "SpanqQueueStalled hook"], {"SpanqNoWorkers mail", "SpanqQueueStalled hook"}),
    (["SpanqRedisUnreachable", "SpanqLeaseRenewalsFailing", "SpanqWorkerCannotFetch", "SpanqGaugeScrapeFailing",
      "SpanqNoWorkers mail", "SpanqTelemetryDropped"], {"SpanqRedisUnreachable", "SpanqTelemetryDropped"}),
    (["SpanqQueueStalled mail", "SpanqOldestJobTooOld mail", "SpanqOldestJobTooOld hook"],
     {"SpanqQueueStalled mail", "SpanqOldestJobTooOld hook"}),
    (["SpanqWaitBurnFast mail", "SpanqWaitBurnSlow mail", "SpanqWaitBurnLong mail", "SpanqWaitBurnSlow hook",
      "SpanqWaitBurnLong hook", "SpanqWaitBurnLong low"],
     {"SpanqWaitBurnFast mail", "SpanqWaitBurnSlow hook", "SpanqWaitBurnLong low"}),
    (["SpanqDeadLetterBurst mail", "SpanqDeadLettersGrowing mail", "SpanqDeadLettersGrowing hook"],
     {"SpanqDeadLetterBurst mail", "SpanqDeadLettersGrowing hook"}),
    (["SpanqNoGauges", "SpanqTargetDown", "SpanqVersionSkew"], {"SpanqNoGauges", "SpanqVersionSkew"}),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited {seconds} s in vain for {what}")
        time.sleep(0.2)


def routes() -> None:
    """Each shipped alert goes where its severity says."""
    subprocess.run(["amtool", "check-config", CONFIG], check=True, stdout=subprocess.DEVNULL)
    for rule in rulefiles.rules():
        if "alert" not in rule:
            continue
        name, severity = rule["alert"], rule["labels"]["severity"]
        expected = "direct" if name in DIRECT else severity
        labels = [f"alertname={name}", f"severity={severity}", "service=spanq", "queue=mail"]
        done = subprocess.run(["amtool", "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={expected}", *labels],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{name} does not go to {expected}: {done.stdout}{done.stderr}")


class Alertmanager:
    """A real one with the shipped configuration, whose webhooks go to a port of this machine."""

    def __init__(self, folder: Path, receiver_port: int) -> None:
        text = CONFIG.read_text().replace("alert-receiver:9467", f"127.0.0.1:{receiver_port}")
        text = re.sub(r"group_wait: \S+", "group_wait: 1s", re.sub(r"group_interval: \S+", "group_interval: 1s", text))
        (folder / "alertmanager.yml").write_text(text)
        self.url = f"http://127.0.0.1:{free_port()}"
        program = "prometheus-alertmanager" if os.path.exists("/usr/bin/prometheus-alertmanager") else "alertmanager"
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [program, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data", "--cluster.listen-address=",
             f"--web.listen-address={self.url.removeprefix('http://')}"], stderr=self.log)
        wait_for("Alertmanager", lambda: self.get("/-/ready") is not None)

    def get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def fire(self, alerts: list[str]) -> None:
        rules = {rule["alert"]: rule for rule in rulefiles.rules() if "alert" in rule}
        body = []
        for alert in alerts:
            name, _, queue = alert.partition(" ")
            labels = {"alertname": name, **rules[name]["labels"], **({"queue": queue} if queue else {"job": "spanq"})}
            body.append({"labels": labels, "annotations": {"summary": f"{name} {time.time()}"}})
        request = urllib.request.Request(self.url + "/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=5).close()

    def told(self) -> tuple[set[str], int]:
        """The alerts that are not inhibited, and how many there are at all."""
        alerts = json.loads(self.get("/api/v2/alerts") or "[]")
        told = {one["labels"]["alertname"] + (" " + one["labels"]["queue"] if "queue" in one["labels"] else "")
                for one in alerts if one["status"]["state"] == "active"}
        return told, len(alerts)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()


def inhibitions() -> None:
    for alerts, expected in INHIBITIONS:
        with tempfile.TemporaryDirectory() as folder:
            server = Alertmanager(Path(folder), free_port())
            try:
                server.fire(alerts)
                told: set[str] = set()
                for _ in range(50):
                    told, count = server.told()
                    if told == expected and count == len(alerts):
                        break
                    time.sleep(0.2)
                if told != expected:
                    sys.exit(f"of {alerts}\n  told     {sorted(told)}\n  expected {sorted(expected)}")
            finally:
                server.stop()


def jobs(spanq: str) -> None:
    """A page becomes one job, though it is sent again with other figures; and waits for a Redis that is away."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = os.environ | {"SPANQ_REDIS_URL": f"unix://{folder}/redis.sock", "SPANQ_REDIS_TIMEOUT": "1s"}
        port = free_port()
        receiver = subprocess.Popen([FOLDER / "receiver.py", "--listen", f"127.0.0.1:{port}", "--spanq", spanq],
                                    env=environment, stderr=(folder / "receiver.log").open("w"))
        server = Alertmanager(folder, port)
        redis: subprocess.Popen[bytes] | None = None

        def enqueued() -> list[dict[str, object]]:
            done = subprocess.run([spanq, "job", "list", "--queue", "alerts", "--json"], env=environment,
                                  capture_output=True, text=True, check=False)
            return [json.loads(line) for line in done.stdout.splitlines()]

        try:
            server.fire(["SpanqQueueStalled mail"])
            wait_for("the receiver to say that Redis is down", lambda: "SpanqQueueStalled" in (folder / "receiver.log").read_text())
            redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--save", ""],
                                     stdout=subprocess.DEVNULL)
            wait_for("the page to become a job", lambda: len(enqueued()) == 1)
            job = enqueued()[0]
            payload = json.loads(str(job["payload"]))
            if (job["type"], payload["channel"], payload["alerts"][0]["labels"]["queue"]) != ("alert.notify", "page", "mail"):
                sys.exit(f"the job is not the page: {job}")
            # The twin of an Alertmanager sends the same with another text.
            payload.pop("channel")
            payload["alerts"][0]["annotations"]["summary"] = "other figures"
            for channel, status, expected in (("page", "firing", 1), ("page", "resolved", 2), ("ticket", "firing", 3)):
                body = json.dumps(payload | {"status": status}).encode()
                urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/{channel}", body), timeout=30).close()
                if len(enqueued()) != expected:
                    sys.exit(f"{channel}, {status}: {len(enqueued())} jobs, not {expected}")
            for path, body, expected in (("/page", b"[]", 400), ("/page", b"{", 400), ("/nothing", b"{}", 404)):
                try:
                    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", body), timeout=30)
                    sys.exit(f"{path} takes {body!r}")
                except urllib.error.HTTPError as error:
                    if error.code != expected:
                        sys.exit(f"{path} answers {body!r} with {error.code}, not {expected}")
        finally:
            for process in (server.process, receiver, redis):
                if process is not None:
                    process.terminate()
                    process.wait()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        jobs(str(Path(sys.argv[1]).resolve()))
    else:
        routes()
        inhibitions()
