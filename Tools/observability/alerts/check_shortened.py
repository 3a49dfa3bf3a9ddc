#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Shortens the rules by 60 and compares what must have changed, and that nothing else has."""

import subprocess
import sys
import tempfile
from pathlib import Path

import promql
import rulefiles


def masked(rule: rulefiles.Rule) -> list[str]:
    """An expression without what may be shortened."""
    return [part.text for part in promql.tokens(rule["expr"]) if part.kind not in ("duration", "number", "string", "space")]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, rulefiles.ROOT / "Tools/observability/shorten-rules", "60", folder], check=True, stdout=subprocess.DEVNULL)
        short = {}
        for path in sorted(Path(folder).glob("*.yml")):
            for group in rulefiles.load(path)["groups"]:
                short |= {(rulefiles.name(rule), str(rule.get("labels"))): rule for rule in group["rules"]}
    expected = {
        "queue:spanq_threshold_oldest_ready_seconds:constant": "5 + 0 * queue:spanq_workers_alive:max",
        "queue:spanq_threshold_depth_jobs:constant": "10000 + 0 * queue:spanq_workers_alive:max",
        "spanq:threshold_birth_seconds:constant": "vector(10)",
        "queue:spanq_jobs_claimed:rate5m": "sum by (queue) (rate(spanq_jobs_claimed_total[5000ms]))",
        "instance_queue:spanq_job_waits_slow:total":
            'spanq_job_wait_seconds_count - ignoring (le) spanq_job_wait_seconds_bucket{le="0.5"}',
    }
    wrong = []
    for rule in rulefiles.rules():
        other = short[(rulefiles.name(rule), str(rule.get("labels")))]
        name = rulefiles.name(rule)
        times = [promql.seconds(p.text) for p in promql.tokens(rule["expr"]) if p.kind == "duration"]
        shorter = [promql.seconds(p.text) for p in promql.tokens(other["expr"]) if p.kind == "duration"]
        if masked(rule) != masked(other) or [round(t / 60, 3) for t in times] != shorter:
            wrong.append(f"{name}: {other['expr']}")
        for key in rulefiles.DURATIONS & rule.keys():
            if promql.seconds(other[key]) * 60 != promql.seconds(rule[key]):
                wrong.append(f"{name}: {key} {other[key]}")
        if name in expected and other["expr"].strip() != expected[name]:
            wrong.append(f"{name}: {other['expr']}, not {expected[name]}")
    print("\n".join(wrong), end="", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
