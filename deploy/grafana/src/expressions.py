# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Lists every expression of the dashboards, with variables filled in, for whoever wants to evaluate them.

usage: expressions.py [--folder FOLDER] [--interval 1m] [--range 1h] [--set NAME=VALUE]...    JSON on stdout, a list of
  {dashboard, panel_id, panel, ref, kind, expr, raw, instant, empty}
`kind` is panel, annotation or variable. `expr` has every variable filled in, `.*` unless set. `empty` says why no data may
be an answer, and is null where data must be there on a system with work to do.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "dashboards"

NOTHING_WRONG = "only where something went wrong"
NOT_EXPORTED = "only where a worker exports spans"
POSTGRES = "only on Postgres"
EMPTY: dict[tuple[str, str], str] = {
    ("spanq-overview", "Alerts firing"): NOTHING_WRONG,
    ("spanq-overview", "Failures by error"): NOTHING_WRONG,
    ("spanq-overview", "Dead letters by reason"): NOTHING_WRONG,
    ("spanq-queue", "Failures by error"): NOTHING_WRONG,
    ("spanq-queue", "Dead letters by reason"): NOTHING_WRONG,
    ("spanq-queue", "Time to drain"): "only while the backlog shrinks",
    ("spanq-queue", "Enqueued"): "only where a producer is scraped",
    ("spanq-workers", "Engine errors and reconnects"): NOTHING_WRONG,
    ("spanq-workers", "Dead rows by table"): POSTGRES,
    ("spanq-workers", "Oldest snapshot"): POSTGRES,
    ("spanq-workers", "Connections"): POSTGRES,
    ("spanq-workers", "Written ahead"): POSTGRES,
    ("spanq-job-types", "Failures by error"): NOTHING_WRONG,
    ("spanq-job-types", "Dead letters by reason"): NOTHING_WRONG,
    ("spanq-telemetry", "Values rejected, series beyond the cap"): NOTHING_WRONG,
    ("spanq-telemetry", "Spans sent"): NOT_EXPORTED,
    ("spanq-telemetry", "Export queue"): NOT_EXPORTED,
    ("spanq-telemetry", "Time of an export"): NOT_EXPORTED,
}


@dataclass(frozen=True)
class Expression:
    dashboard: str
    panel_id: int | None
    panel: str
    ref: str
    kind: str
    expr: str
    raw: str
    instant: bool
    empty: str | None


def filled(raw: str, values: dict[str, str]) -> str:
    """The expression as Prometheus gets it. A variable without a value stands for all."""
    return re.sub(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)", lambda match: values.get(match[1] or match[2], ".*"), raw)


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def expressions(folder: Path, values: dict[str, str]) -> Iterator[Expression]:
    """Everything that is asked of Prometheus: panels, annotations, and the lists of the variables."""
    for path in sorted(folder.glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        uid = dashboard["uid"]
        for panel in panels(dashboard):
            title = panel.get("title", "")
            for target in panel.get("targets", []):
                if "expr" in target:
                    yield Expression(uid, panel.get("id"), title, target["refId"], "panel", filled(target["expr"], values),
                                     target["expr"], target.get("instant", False), EMPTY.get((uid, title)))
        for annotation in dashboard["annotations"]["list"]:
            yield Expression(uid, None, annotation["name"], "A", "annotation", filled(annotation["expr"], values),
                             annotation["expr"], False, "only when it happens")
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                raw = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
                assert raw, f"{path}: {variable['query']} is not label_values(SERIES, LABEL)"
                yield Expression(uid, None, variable["name"], "A", "variable", f"count by ({raw[2]}) ({filled(raw[1], values)})",
                                 variable["query"], True, None)


def parser(text: str) -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=text)
    result.add_argument("--folder", type=Path, default=FOLDER, help="of the dashboards")
    result.add_argument("--interval", default="1m", help="for $__rate_interval and $__interval; default 1m")
    result.add_argument("--range", default="1h", help="for $__range; default 1h")
    result.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable, as a regular expression")
    return result


def values(arguments: argparse.Namespace) -> dict[str, str]:
    chosen = dict(item.split("=", 1) for item in arguments.set)
    return {"__rate_interval": arguments.interval, "__interval": arguments.interval, "__range": arguments.range} | chosen


if __name__ == "__main__":
    given = parser("Lists every expression of the dashboards as JSON.").parse_args()
    json.dump([asdict(item) for item in expressions(given.folder, values(given))], sys.stdout, indent=2)
    print()
