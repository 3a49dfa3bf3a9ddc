"""Medians, ratios and targets of a run, as JSON, as a table and as a chart."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
from pathlib import Path

THRESHOLDS = json.loads((Path(__file__).parent / "thresholds.json").read_text())

#: The columns after the rate: key, title, how it is printed.
COLUMNS = [
    ("redisMicroseconds", "Redis CPU µs/job", "{:.1f}"), ("redisCommands", "calls/job", "{:.3f}"),
    ("processMicroseconds", "own CPU µs/job", "{:.1f}"), ("networkBytes", "bytes/job", "{:,.0f}"),
    ("redisMemoryBytes", "Redis bytes/job", "{:,.0f}"), ("peakMemoryMiB", "peak MiB", "{:.0f}"),
    ("allocations", "allocations/job", "{:.1f}"),
]


def summarize(results: dict[str, list[dict]], options: argparse.Namespace) -> dict:
    cells = {name: median(rounds) for name, rounds in results.items()}
    return {
        "date": datetime.date.today().isoformat(), "machine": machine(), "rounds": options.rounds, "cells": cells,
        "ratios": [ratio(cells, rule) for rule in THRESHOLDS["ratios"]],
        "bounds": [bound(cells, rule) for rule in THRESHOLDS["bounds"]],
    }


def median(rounds: list[dict]) -> dict:
    """Of each figure by itself; rates keep their lowest and highest too."""
    figures: dict = {}
    for key in rounds[0]:
        values = [one[key] for one in rounds if one.get(key) is not None]
        if not values:
            continue
        figures[key] = median(values) if isinstance(values[0], dict) else statistics.median(values)
        if key == "rate":
            figures["lowest"], figures["highest"] = min(values), max(values)
    return figures


def lookup(cells: dict, path: str) -> float | None:
    """A figure by `cell/key` or `cell/latency/p50`, or the sum of several with ` + ` between."""
    if " + " in path:
        parts = [lookup(cells, part) for part in path.split(" + ")]
        return None if None in parts else sum(parts)
    name, *keys = path.split("/")
    value: object = cells.get(name)
    for key in keys or ["rate"]:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, (int, float)) else None


def ratio(cells: dict, rule: dict) -> dict:
    above, below = lookup(cells, rule["of"]), lookup(cells, rule["to"])
    return {**rule, "value": above / below if above and below else None}


def bound(cells: dict, rule: dict) -> dict:
    return {**rule, "value": lookup(cells, rule["of"])}


def holds(rule: dict, limit: str) -> bool | None:
    if rule["value"] is None:
        return None
    return rule["value"] >= rule[limit] if rule["side"] == "least" else rule["value"] <= rule[limit]


def table(summary: dict) -> str:
    lines = [f"{summary['date']}, {summary['machine']}; medians of {summary['rounds']} rounds.", "",
             "| | jobs/s (lowest to highest) | " + " | ".join(title for _, title, _ in COLUMNS) + " |",
             "|---|---:|" + "---:|" * len(COLUMNS)]
    for name, figures in summary["cells"].items():
        if "rate" not in figures or "latency" in figures:
            continue
        cells = [f"{figures['rate']:,.0f} ({figures['lowest']:,.0f} to {figures['highest']:,.0f})"]
        cells += [text.format(figures[key]) if figures.get(key) is not None else "" for key, _, text in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "| latency | p50 ms | p99 ms | longest ms |", "|---|---:|---:|---:|"]
    for name, figures in summary["cells"].items():
        if latency := figures.get("latency"):
            lines.append(f"| {name} | {latency['p50']:.2f} | {latency['p99']:.2f} | {latency['maximum']:.2f} |")
    lines += ["", "| figure | reached | target | |", "|---|---:|---:|---|"]
    for rule in summary["ratios"] + summary["bounds"]:
        if rule["value"] is None:
            continue
        sign = "≥" if rule["side"] == "least" else "≤"
        verdict = "met" if holds(rule, "target") else "**missed**"
        lines.append(f"| {rule['name']} | {rule['value']:.4g} | {sign} {rule['target']:g} | {verdict} |")
    return "\n".join(lines) + "\n"


def check(summary: dict) -> int:
    """Fails where a figure is past its committed limit, which leaves room for a noisy machine below the target."""
    failed = [rule for rule in summary["ratios"] + summary["bounds"] if holds(rule, "limit") is False]
    for rule in failed:
        print(f"bench: {rule['name']} is {rule['value']:.4g}, past its limit of {rule['limit']:g}")
    return 1 if failed else 0


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=False).stdout
    version = next((word[2:] for word in redis.split() if word.startswith("v=")), "unknown")
    return f"{os.cpu_count()} cores of {model}, Redis {version} without persistence, over loopback"


def chart(summary: dict, file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = {
        "Enqueue one after the other, jobs/s": "enqueue one after the other",
        "Enqueue many, jobs/s": "enqueue many|enqueue in bulk|floor enqueue",
        "Drain, one process, jobs/s": "drain",
    }
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2))
    for axis, (title, names) in zip(axes, groups.items()):
        bars = []
        for name, cell in summary["cells"].items():
            peer, _, what = name.partition(": ") if ": " in name else ("", "", name)
            if peer and what in names.split("|"):
                bars.append((peer, cell["rate"], "#9aa5b1"))
        own = {"Enqueue one after the other, jobs/s": [("SpanQueue", "enqueue one after the other"), ("floor", "floor round trip")],
               "Enqueue many, jobs/s": [("SpanQueue", "enqueue in bulk"), ("floor", "floor enqueue")],
               "Drain, one process, jobs/s": [("SpanQueue", "drain, concurrency 100"), ("floor", "floor drain")]}[title]
        for label, cell in own:
            if cell in summary["cells"]:
                bars.append((label, summary["cells"][cell]["rate"], "#1f6feb" if label == "SpanQueue" else "#d0d7de"))
        bars.sort(key=lambda bar: bar[1])
        axis.barh([b[0] for b in bars], [b[1] for b in bars], color=[b[2] for b in bars])
        for index, bar in enumerate(bars):
            axis.text(bar[1], index, f" {bar[1]:,.0f}", va="center", fontsize=8)
        axis.set_title(title, fontsize=10)
        axis.set_xlim(0, max(b[1] for b in bars) * 1.25 if bars else 1)
        axis.set_xticks([])
        for side in ("top", "right", "bottom"):
            axis.spines[side].set_visible(False)
    figure.suptitle(f"{summary['machine']}, {summary['date']}", fontsize=8, y=0.02)
    figure.tight_layout()
    figure.savefig(file)
