# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Everything that anything in deploy/ asks Prometheus, and where no data may be the answer."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "Tools/observability/alerts"))
import promql  # noqa: E402
import rulefiles  # noqa: E402

# What the dashboards excuse, and what happens here: a collector is there, a producer is scraped, jobs fail and die.
NO_EXCUSE = {"only where a worker exports spans", "only where a producer is scraped"}
PROVOKED = {"Failures by error", "Dead letters by reason", "Engine errors and reconnects"}
# Rules without data where all is well.
QUIET = {
    "instance:spanq_births_count:info": "no process is as young as the shortened bound that it reads",
    "instance:spanq_gateway_breaks:increase10m": "no stream breaks",
    'count(queue_state:spanq_queue_jobs:max{state="ready"} > 0)': "whether a job waits just now is chance",
    "absent(cluster:spanq_queue_scrape_success:max)": "true only where nothing is scraped",
    "max by (engine, kind) (spanq_engine_oldest_snapshot_seconds)": "the engine here is Redis",
    'instance:spanq_telemetry_lost:increase10m{what="spans that were not sent"}': "none were dropped",
    'instance:spanq_telemetry_lost:increase10m{what="spans that did not arrive"}': "all arrived",
}

# Of a Postgres, which is not here: SpanQueuePostgresTests reads them from a page.
POSTGRES = re.compile(r"spanq_engine_(connections(_max)?|wal_bytes_total|(live|dead)_rows|oldest_snapshot_(seconds|transactions|pid))")


@dataclass(frozen=True)
class Asked:
    where: str
    expr: str
    over: bool
    """Whether a panel draws it over time."""
    empty: str | None
    """Why there may be no data; None where there must be some."""


def panels() -> Iterator[Asked]:
    source = ROOT / "deploy/grafana/src/expressions.py"
    done = subprocess.run([sys.executable, source, "--interval", "20s", "--range", "10m"], check=True, capture_output=True, text=True)
    for item in json.loads(done.stdout):
        # A panel's other query, which shows what the first one lacks.
        if item["empty"] in NO_EXCUSE and 'error_type!=""' in item["expr"]:
            item["empty"] = "nothing was lost"
        excused = item["empty"] if item["empty"] not in NO_EXCUSE and item["panel"] not in PROVOKED else None
        yield Asked(f"{item['dashboard']}, {item['kind']} {item['panel']!r} {item['ref']}", item["expr"], not item["instant"], excused)


def rules() -> Iterator[Asked]:
    """Each rule as it is shipped. Alerts have no data where nothing is wrong, but each side of their comparisons must."""
    for rule in rulefiles.rules():
        name = rulefiles.name(rule)
        if "record" in rule:
            labels = "".join(f'{{{key}="{value}"}}' for key, value in rule.get("labels", {}).items())
            yield Asked(f"rule {name}{labels}", rule["expr"], False, QUIET.get(name + labels))
            continue
        yield Asked(f"alert {name}", rule["expr"], False, "fires only where something is wrong")
        for operand in operands(rule["expr"]):
            yield Asked(f"alert {name}, of it {operand}", operand, False, QUIET.get(operand))


def operands(expr: str) -> Iterator[str]:
    """What an expression compares and combines, at its outermost level: `a > on (q) b and c` is a, b and c."""
    modifiers = r"^(bool\b|(on|ignoring|group_left|group_right)\s*\([^)]*\))\s*"
    part = ""
    depth = 0
    for token in [*promql.tokens(expr), promql.Token("word", "and")]:
        depth += (token.text in ("(", "{", "[")) - (token.text in (")", "}", "]"))
        ends = token.text in promql.SET_OPERATORS if token.kind == "word" else token.text in (">", "<", ">=", "<=", "==", "!=")
        if depth > 0 or not ends:
            part += "" if token.kind == "comment" else token.text
            continue
        part = part.strip()
        while re.match(modifiers, part):
            part = re.sub(modifiers, "", part)
        if part and not re.fullmatch(r"[0-9.]+", part):
            yield part
        part = ""


def others() -> Iterator[Asked]:
    """KEDA's queries, and those by which Grafana leads from a span to metrics."""
    scaled = yaml.safe_load((ROOT / "deploy/kubernetes/scaled-object.yaml").read_text())
    for trigger in scaled["spec"]["triggers"]:
        yield Asked(f"KEDA {trigger['name']}", trigger["metadata"]["query"], False, None)
    for source in yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/datasources.yaml").read_text())["datasources"]:
        for query in source.get("jsonData", {}).get("tracesToMetrics", {}).get("queries", []):
            filled = query["query"].replace("$$__tags", 'queue=~".+"')
            yield Asked(f"data source {source['name']}, {query['name']!r}", filled, False, None)


def everything() -> list[Asked]:
    return [*panels(), *rules(), *others()]


def summed(items: list[Asked]) -> list[str]:
    """Expressions that read a gauge which all processes report alike other than through `max by` or `min by`."""
    shared = r"spanq_(?:queue_jobs|queue_oldest_job_age_seconds|queue_paused|workers_alive)\b(?!:)"
    return [f"{item.where}: {match[0]} is the same in every process: max by (…), never sum" for item in items if ", variable " not in item.where
            for match in re.finditer(rf"(?<!:){shared}", item.expr)
            if not re.search(r"\b(max|min) by \([\w, ]+\) \($", item.expr[:match.start()])]


def metrics() -> dict[str, set[str]]:
    """Each name in the files of deploy/ that looks like a metric, recorded ones left out, and the files that have it."""
    records = {rulefiles.name(rule) for rule in rulefiles.rules() if "record" in rule}
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "deploy").rglob("*")):
        if path.suffix in (".json", ".yaml", ".yml"):
            for name in re.findall(r"(?<![\w:.{$/-])(?:spanq|otel_sdk|messaging|process|redis|traces|tempo)_[a-z0-9_]+(?![\w:])", path.read_text()):
                if name not in records and not POSTGRES.fullmatch(name):
                    found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return found
