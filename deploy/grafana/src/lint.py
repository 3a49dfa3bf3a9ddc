# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Checks the dashboards: nothing that a reader needs is missing, and no expression says what it does not mean.

usage: lint.py FOLDER TELEMETRY.md      needs promtool in the PATH
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from expressions import Expression, expressions, panels

SHARED = ("spanq_queue_jobs", "spanq_queue_oldest_job_age_seconds", "spanq_queue_paused", "spanq_workers_alive")
# Of Prometheus itself.
FOREIGN = {"up", "ALERTS", "ALERTS_FOR_STATE"}
BUILT_IN = {"__rate_interval", "__interval", "__range"}
DATASOURCES = {"prometheus", "tempo", "alertmanager"}
# Panels without figures of their own.
WITHOUT_UNIT = {"row", "traces", "text"}
WORDS = {"rate", "increase", "deriv", "sum", "max", "min", "count", "by", "on", "and", "or", "unless", "ignoring", "offset", "bool", "time",
         "vector", "ceil", "clamp_min", "clamp_max", "histogram_quantile", "last_over_time"}


def faults_of_panels(name: str, dashboard: dict[str, Any]) -> Iterator[str]:
    seen: set[Any] = set()
    for panel in panels(dashboard):
        where = f"{name}: panel {panel.get('id')} {panel.get('title', '')!r}"
        if panel.get("id") in seen or not panel.get("id"):
            yield f"{where}: its id is missing or taken"
        seen.add(panel.get("id"))
        if not panel.get("title"):
            yield f"{where}: no title"
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            yield f"{where}: no description"
        if panel["type"] not in WITHOUT_UNIT and not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{where}: no unit"
        if not panel.get("targets"):
            yield f"{where}: asks nothing"
        for source in (panel, *panel.get("targets", [])):
            if source.get("datasource", {}).get("uid") not in DATASOURCES:
                yield f"{where}: a datasource without one of the fixed uids"
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24:
            yield f"{where}: wider than the grid"


def faults_of_head(name: str, dashboard: dict[str, Any]) -> Iterator[str]:
    if not dashboard.get("description"):
        yield f"{name}: no description"
    asking = [*dashboard["annotations"]["list"], *(item for item in dashboard["templating"]["list"] if item["type"] == "query")]
    for item in asking:
        if item.get("datasource", {}).get("uid") not in DATASOURCES:
            yield f"{name}: {item['name']} has a datasource without one of the fixed uids"


def faults_of_expression(item: Expression, known: set[str], variables: set[str]) -> Iterator[str]:
    where = f"{item.dashboard}: {item.panel!r} {item.ref}"
    if item.kind != "variable":
        # A selector of a shared gauge stands in a `max by`, or in a subquery's or multiplication's parentheses round one.
        for match in re.finditer(rf"({'|'.join(SHARED)})\b", item.expr):
            if not re.search(r"(max|min) by \([\w, ]+\) \($", item.expr[:match.start()]):
                yield f"{where}: {match[1]} is the same in every process: read it with max by (…), never sum"
    for name in sorted(set(re.findall(r"\$\{?(\w+)", item.raw)) - variables - BUILT_IN):
        yield f"{where}: the dashboard has no variable ${name}"
    for metric in sorted(metrics(item.expr) - known):
        yield f"{where}: docs/telemetry.md has no metric {metric}"


def metrics(expr: str) -> set[str]:
    """The names of metrics in an expression; a histogram's series count as the histogram."""
    bare = re.sub(r'\{[^}]*\}|\[[^]]*\]|"[^"]*"|\b(?:by|on|ignoring|without|group_left)\s*\([^)]*\)', " ", expr)
    names = set(re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*(?![a-zA-Z0-9_]*\s*\()", bare)) - WORDS - FOREIGN
    return {re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", name) for name in names if not re.fullmatch(r"\d+\w", name)
            and not re.fullmatch(r"[smhd]|e", name)}


def documented(text: str) -> set[str]:
    """Metrics that the tables of docs/telemetry.md name, the shortened ones written out."""
    names = set(re.findall(r"`((?:spanq|otel_sdk|messaging|process)_[a-z0-9_]+)`", text))
    return names | {"otel_sdk_processor_span_queue_capacity"} if "`…_queue_capacity`" in text else names


def unparsable(items: list[Expression]) -> Iterator[str]:
    """What promtool does not parse; each expression is a rule of a file made for it."""
    rules = [{"record": f"panel:{index}", "expr": item.expr} for index, item in enumerate(items)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
        file.flush()
        result = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False)
    if result.returncode:
        yield from (line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip())


def main(arguments: list[str]) -> int:
    folder, telemetry = map(Path, arguments)
    known = documented(telemetry.read_text(encoding="utf-8"))
    faults: list[str] = []
    variables: dict[str, set[str]] = {}
    uids: list[str] = []
    for path in sorted(folder.glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        uids.append(dashboard["uid"])
        variables[dashboard["uid"]] = {item["name"] for item in dashboard["templating"]["list"]}
        faults += [*faults_of_head(path.name, dashboard), *faults_of_panels(path.name, dashboard)]
    if len(set(uids)) != len(uids):
        faults.append("two dashboards have the same uid")
    items = list(expressions(folder, {"__rate_interval": "1m", "__interval": "1m", "__range": "1h"}))
    for item in items:
        faults += faults_of_expression(item, known, variables[item.dashboard])
    faults += unparsable(items)
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{len(uids)} dashboards, {len(items)} expressions: nothing to fix")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
