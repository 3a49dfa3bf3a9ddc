# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The stack of the fire drill: a steady load that faults can change, and handlers that do what the payload says."""

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import yaml

from ports import wait_for
from processes import deaf
from stack import ROOT, WORKERS, Stack

QUEUES = {"critical": 6, "default": 3, "reports": 1, "bulk": 1}


class Load(threading.Thread):
    """Enqueues the lines each second until it is stopped, and a flood of more while there is one."""

    def __init__(self, stack: Stack, lines: list[dict[str, Any]]) -> None:
        super().__init__(daemon=True)
        self.stack = stack
        self.lines = lines
        self.flood: list[dict[str, Any]] = []
        self._stopped = threading.Event()
        self._idle = threading.Lock()

    def run(self) -> None:
        while not self._stopped.wait(1):
            with self._idle:
                try:
                    # Redis may be away: what was not enqueued then is lost, as any producer's would be.
                    self.stack.run("enqueue", "--batch", "-", lines=self.lines + self.flood, check=False)
                except subprocess.TimeoutExpired:
                    pass

    def end_flood(self) -> None:
        """Once this returns nothing of the flood is still to come."""
        self.flood = []
        with self._idle:
            pass

    def stop(self) -> None:
        self._stopped.set()
        if self.is_alive():
            self.join(10)


class DrillStack(Stack):
    workers = WORKERS

    def __init__(self, spanq: Path, factor: float, name: str) -> None:
        super().__init__(spanq, factor, name)
        # A page has to say within its second that Redis is down.
        self.environment["SPANQ_REDIS_TIMEOUT"] = "500ms"
        self.load = Load(self, [{"type": f"{queue}:work", "queue": queue, "payload": "work"} for queue in ("critical", "default")] * 2)

    def __exit__(self, *error: Any) -> None:
        deaf()
        self.load.stop()
        super().__exit__(*error)

    def start_all(self) -> None:
        """The stack with the shipped workers' configuration, but for queues, handlers, and times that a drill can wait for."""
        config = yaml.safe_load((ROOT / "deploy/compose/worker.yaml").read_text())
        self.start(config | {"queues": QUEUES, "exec": [f"*={ROOT}/Tools/observability/live/handler"],
                             "lease": "5s", "drain-timeout": "2s", "cancellation-grace": "1s"})
        self.enqueue([{"type": f"{queue}:work", "queue": queue, "payload": "work"} for queue in QUEUES])
        self.load.start()

    def put_into_job(self, name: str, job: dict[str, Any]) -> None:
        """Enqueues a job again and again until this worker is in the midst of one."""
        def runs() -> bool:
            self.enqueue([job])
            time.sleep(0.5)
            done = self.run("job", "list", "--state", "active", "--type", job["type"], "--limit", "0", "--json")
            return any(f"-{self.processes.pid(name)}-" in (json.loads(line)["worker"] or "") for line in done.stdout.splitlines())

        wait_for(f"{name} to run {job['type']}", runs)
