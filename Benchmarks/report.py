# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Medians, ratios and targets of a run, as values and as Markdown."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from spanq import Figures

THRESHOLDS_FILE = Path(__file__).parent / "thresholds.json"
THRESHOLDS = json.loads(THRESHOLDS_FILE.read_text())

#: The columns after the rate: key, title, how it is printed.
COLUMNS = [
    ("redis_us", "Redis CPU µs/job", "{:.1f}"), ("redis_calls", "calls/job", "{:.3f}"),
    ("process_us", "own CPU µs/job", "{:.1f}"), ("network_bytes", "bytes/job", "{:,.0f}"),
    ("redis_memory_bytes", "Redis bytes/job", "{:,.0f}"), ("peak_memory_mib", "peak MiB", "{:.0f}"),
    ("context_switches", "switches/job", "{:.2f}"), ("system_calls", "system calls/job", "{:.1f}"),
    ("allocations", "allocations/job", "{:.1f}"), ("exported_spans", "spans exported/job", "{:.2f}"),
    ("dropped_spans", "spans dropped/job", "{:.2f}"),
]


def summarize(results: dict[str, list[Figures | None]], rounds: int) -> dict:
    cells = {name: median([one for one in samples if one]) for name, samples in results.items()}
    return {
        "date": datetime.date.today().isoformat(), "machine": machine(), "rounds": rounds, "cells": cells,
        "ratios": [{**rule, **ratio(results, rule)} for rule in THRESHOLDS["ratios"]],
        "bounds": [{**rule, **bound(results, cells, rule)} for rule in THRESHOLDS["bounds"]],
    }


def median(rounds: list[Figures]) -> Figures:
    """Of each figure by itself; rates keep their lowest and highest too."""
    figures: Figures = {}
    for key in rounds[0]:
        values = [one[key] for one in rounds if one.get(key) is not None]
        if not values:
            continue
        figures[key] = median(values) if isinstance(values[0], dict) else statistics.median(values)
        if key == "rate":
            figures["lowest"], figures["highest"] = min(values), max(values)
    return figures


def lookup(cells: dict[str, Figures], path: str) -> float | None:
    """A figure by `cell/key` or `cell/latency_ms/p50`, or the sum of several with ` + ` between, or what is left of one with ` - ` before
    another; alone, a cell's rate."""
    if " - " in path:
        whole, _, part = path.partition(" - ")
        above, below = lookup(cells, whole), lookup(cells, part)
        return None if above is None or below is None else above - below
    if " + " in path:
        parts = [lookup(cells, part) for part in path.split(" + ")]
        return None if None in parts else sum(part for part in parts if part is not None)
    name, *keys = path.split("/")
    value: object = cells.get(name)
    for key in keys or ["rate"]:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, (int, float)) else None


def ratio(results: dict[str, list[Figures | None]], rule: dict) -> dict:
    """The median of the ratios of samples that were taken one after the other, and the lowest and highest of them."""
    ratios = []
    for pair in zip(*(results.get(rule[side].partition("/")[0], []) for side in ("of", "to"))):
        above, below = (
            lookup({rule[side].partition("/")[0]: sample or {}}, rule[side]) for side, sample in zip(("of", "to"), pair))
        if above and below:
            ratios.append(above / below)
    if not ratios:
        return {"value": None}
    return {"value": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


def bound(results: dict[str, list[Figures | None]], cells: dict[str, Figures], rule: dict) -> dict:
    """The median of all samples; where the rule says `best`, their best, with the lowest and highest: of what a busy machine can only
    make worse, and worse by any factor, as sleeps of a thread, a median says how busy it was."""
    if not rule.get("best"):
        return {"value": lookup(cells, rule["of"])}
    name = rule["of"].partition("/")[0]
    values = [
        value for sample in results.get(name, []) if (value := lookup({name: sample or {}}, rule["of"])) is not None]
    if not values:
        return {"value": None}
    lowest, highest = min(values), max(values)
    return {"value": highest if rule["side"] == "least" else lowest, "lowest": lowest, "highest": highest}


def holds(rule: dict, limit: str) -> bool | None:
    if rule["value"] is None:
        return None
    return rule["value"] >= rule[limit] if rule["side"] == "least" else rule["value"] <= rule[limit]


def check(summary: dict) -> int:
    """Fails where a figure is past its committed limit, which leaves room for a noisy machine beside the target."""
    failed = [rule for rule in summary["ratios"] + summary["bounds"] if holds(rule, "limit") is False]
    for rule in failed:
        print(f"bench: {rule['name']} is {rule['value']:.4g}, past its limit of {rule['limit']:g}", file=sys.stderr)
    return 1 if failed else 0


def tables(summary: dict) -> str:
    """Targets first, then what they come from."""
    rounds = summary["rounds"]
    head = f"{summary['date']}, {summary['machine']}; {f'medians of {rounds} rounds' if rounds > 1 else 'one round'}.\n"
    return "\n".join([head, *targets(summary), "", *rates(summary), "", *latencies(summary)]).rstrip() + "\n"


def targets(summary: dict) -> Iterable[str]:
    yield from ["| figure | reached | target | |", "|---|---:|---:|---|"]
    for rule in summary["ratios"] + summary["bounds"]:
        if rule["value"] is not None:
            sign = "≥" if rule["side"] == "least" else "≤"
            verdict = "met" if holds(rule, "target") else "**missed**"
            reached = f"{rule['value']:.3g}"
            if rule.get("lowest") != rule.get("highest"):
                reached += f" ({rule['lowest']:.3g} to {rule['highest']:.3g})"
            yield f"| {rule['name']} | {reached} | {sign} {rule['target']:g} | {verdict} |"


def rates(summary: dict) -> Iterable[str]:
    yield "| | jobs/s (lowest to highest) | " + " | ".join(title for _, title, _ in COLUMNS) + " |"
    yield "|---|---:|" + "---:|" * len(COLUMNS)
    for name, figures in summary["cells"].items():
        if "rate" in figures and "latency_ms" not in figures:
            row = [f"{figures['rate']:,.0f} ({figures['lowest']:,.0f} to {figures['highest']:,.0f})"]
            row += [text.format(figures[key]) if key in figures else "" for key, _, text in COLUMNS]
            yield f"| {name} | " + " | ".join(row) + " |"


def latencies(summary: dict) -> Iterable[str]:
    yield from ["| latency, ms | p50 | p99 | p99.9 | longest |", "|---|---:|---:|---:|---:|"]
    for name, figures in summary["cells"].items():
        if latency := figures.get("latency_ms"):
            yield f"| {name} | " + " | ".join(f"{latency[key]:.2f}" for key in ("p50", "p99", "p999", "maximum")) + " |"


def fill(document: Path, name: str, text: str) -> None:
    """Puts a text between `<!-- name -->` and `<!-- end of name -->`."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = document.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise SystemExit(f"bench: {document} has no place marked {begin.strip()} and {end}")
    document.write_text(before + begin + text + end + after)


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=False).stdout
    version = next((word[2:] for word in redis.split() if word.startswith("v=")), "unknown")
    return f"{os.cpu_count()} cores of {model}, Redis {version} without persistence, over loopback"
