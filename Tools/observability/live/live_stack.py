# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The live test of the stack; Tools/observability/live-stack runs it.

usage: live_stack.py SPANQ
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

import asked
import rulefiles  # of Tools/observability/alerts, as asked.py has it
from ports import Waited, wait_for
from processes import end_on_signals
from stack import ROOT, WORKERS, Stack

# Groups of rules that run every two minutes then run every twelve seconds.
FACTOR = 10
LOAD_SECONDS = 60


def worker() -> dict[str, Any]:
    """The shipped configuration of the workers, with the handlers where they are here."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose/worker.yaml").read_text())
    config["exec"] = [line.replace("=/handlers/", f"={ROOT}/deploy/compose/handlers/") for line in config["exec"]]
    return config | {"drain-timeout": "1s", "cancellation-grace": "1s", "unknown-type-retries": 0}


def provoke(stack: Stack) -> None:
    """What the load leaves to chance: a dead letter, failed attempts, a delayed job, a notification, a full Redis."""
    stack.enqueue([{"type": "nobody:knows", "max_retries": 0}, {"type": "email:late", "queue": "critical", "delay": "2s"},
                   {"type": "alert.notify", "queue": "alerts", "payload": {"alerts": []}},
                   *[{"type": "report:daily", "queue": "low", "timeout": "100ms", "max_retries": 1}] * 3])
    # The producer is refused while Redis is full.
    stack.redis("config", "set", "maxmemory", "1")
    wait_for("an error of Redis", lambda: stack.prometheus.has_data("spanq_engine_errors_total > 0"))
    stack.redis("config", "set", "maxmemory", "0")


def faults(stack: Stack) -> list[str]:
    """All that is wrong, a line each."""
    found = [*targets(stack), *rules(stack), *answers(stack), *names(stack), *exemplars(stack), *complaints(stack)]
    for lint in (["Tools/observability/alerts/lint.py"], ["deploy/grafana/src/lint.py", "deploy/grafana/dashboards", "docs/telemetry.md"]):
        done = subprocess.run([sys.executable, *lint], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            found.append(f"{lint[0]}: {done.stdout}{done.stderr}")
    return found


def targets(stack: Stack) -> list[str]:
    return [f"{one['scrapeUrl']} is {one['health']}: {one['lastError']}" for one in stack.prometheus.get("targets")["activeTargets"]
            if one["health"] != "up"]


def rules(stack: Stack) -> list[str]:
    """The shortened rules, as Prometheus evaluates them."""
    every = [rule for group in stack.prometheus.get("rules")["groups"] for rule in group["rules"]]
    wrong = [f"rule {rule['name']} is {rule['health']}: {rule.get('lastError', '')}" for rule in every if rule["health"] != "ok"]
    shipped = len(rulefiles.rules())
    return wrong + ([] if len(every) == shipped else [f"Prometheus has {len(every)} rules, and {shipped} are shipped"])


def answers(stack: Stack) -> list[str]:
    everything = asked.everything()
    found = asked.summed(everything)
    for item in everything:
        try:
            if not stack.prometheus.has_data(item.expr, LOAD_SECONDS if item.over else 0) and item.empty is None:
                found.append(f"{item.where}: no data for {item.expr}")
        except ValueError as error:
            found.append(f"{item.where}: {error} in {item.expr}")
    must = sum(item.empty is None for item in everything)
    print(f"{len(everything)} expressions asked, of which {must} must have data")
    return found


def names(stack: Stack) -> list[str]:
    there = set(stack.prometheus.get("label/__name__/values"))
    used = asked.metrics()
    print(f"{len(used)} metrics named in deploy/")
    return [f"{name} is on no page, and {', '.join(sorted(files))} has it" for name, files in sorted(used.items())
            if not there & {name, *(name + suffix for suffix in ("_bucket", "_total"))}]


def exemplars(stack: Stack) -> list[str]:
    """Those that the dashboards click on are stored, and the traces behind them were exported."""
    found = []
    for metric in ("spanq_job_wait_seconds_bucket", "spanq_job_process_seconds_bucket", "spanq_job_end_to_end_seconds_bucket"):
        data = stack.prometheus.get("query_exemplars", query=metric, start=time.time() - 600, end=time.time())
        traces = {one["labels"].get("trace_id") for series in data for one in series["exemplars"]}
        if not traces:
            found.append(f"{metric} has no exemplars")
        elif not traces & stack.collector.trace_ids:
            found.append(f"{metric}: none of its {len(traces)} exemplars is a trace that was exported")
    return found


def complaints(stack: Stack) -> list[str]:
    """What Prometheus warned about: dropped or duplicate samples, late ones, rules that fail."""
    lines = [json.loads(line) for line in stack.processes.log("prometheus").read_text().splitlines() if line.startswith("{")]
    if not lines:
        return ["Prometheus has logged nothing that can be read"]
    return [f"Prometheus: {json.dumps(line)}" for line in lines if line.get("level") in ("warn", "error")]


def unsettled(stack: Stack) -> list[str]:
    """What still keeps rules from having data: each kind of job has to run first, and the slowest group of rules too."""
    return [expr for expr in (
        "queue:spanq_job_waits_slow:increase3d", "spanq_schedule_lag_seconds_count > 0", 'spanq_job_attempts_total{outcome="retried"} > 0',
        'spanq_jobs_dead_total{job_type="nobody:knows"} > 0', 'spanq_job_attempts_total{job_type="alert.notify",outcome="completed"} > 0',
    ) if not stack.prometheus.has_data(expr)]


def main(spanq: Path) -> int:
    with Stack(spanq, FACTOR, "live") as stack:
        stack.start(worker(), producer=True)
        stack.processes.start("load", [ROOT / "deploy/compose/load"], stack.environment | {
            "LOAD_ORDERS": "1", "LOAD_BURST_JOBS": "100", "LOAD_BEAT": str(stack.folder / "beat")})
        provoke(stack)
        print(f"{len(WORKERS)} workers, a server and a producer are scraped, under load")
        try:
            wait_for("every kind of job", lambda: not unsettled(stack), 90)
        except Waited as error:
            sys.exit(f"{error}: {', '.join(unsettled(stack))}")
        time.sleep(LOAD_SECONDS)
        found = faults(stack)
        for line in found:
            print(line, file=sys.stderr)
        return 1 if found else 0


if __name__ == "__main__":
    end_on_signals()
    sys.exit(main(Path(sys.argv[1]).resolve()))
