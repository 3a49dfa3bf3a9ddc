# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Measures SpanQueue, the floor and the other queues on one private Redis, in turns, and writes what came out.

Every figure is one process: SpanQueue's come from `spanq bench`, the peers' from `peers/`. The cells are run in rounds, each
round in another order, so that what else the machine does falls on all of them. See README.md.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
from pathlib import Path

import chart
import limits
import report
import scale
from cells import Cell, spanqueue_cells
from peer_cells import peer_cells
from processes import Failed
from redis_server import PrivateRedis
from spanq import Figures

ROOT = Path(__file__).resolve().parent.parent
#: How often a round runs the cells of a group.
TURNS = 5


def main() -> int:
    options = arguments()
    # So that all that was started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.out.mkdir(parents=True, exist_ok=True)
    if options.set_limits:
        return limits.main(options.out / "results.json")
    if options.scale:
        return scale.main(options, ROOT)
    chosen = spanqueue_cells(options) + ([] if options.no_peers else peer_cells(options))
    if options.only:
        chosen = [cell for cell in chosen if any(part in cell.name for part in options.only)]
    if not chosen:
        sys.exit(f"bench: no cell's name holds {' or '.join(options.only)}")
    results = measure(chosen, options.rounds)
    failed = [name for name, samples in results.items() if None in samples]
    summary = report.summarize({name: samples for name, samples in results.items() if any(samples)}, options.rounds)
    text = report.tables(summary)
    (options.out / "results.json").write_text(json.dumps(summary, indent=1) + "\n")
    (options.out / "results.md").write_text(text)
    print(text)
    if options.chart:
        chart.draw(summary, options.out / "performance.svg")
    if options.docs:
        chart.draw(summary, ROOT / "docs/images/performance.svg")
        report.fill(ROOT / "docs/performance.md", "results", text)
    if failed:
        print(f"bench: these failed, in a round or in all: {'; '.join(failed)}", file=sys.stderr)
    return max(1 if failed else 0, report.check(summary) if options.check else 0)


def measure(cells: list[Cell], rounds: int) -> dict[str, list[Figures | None]]:
    """The samples of each cell, in the order of time; none for one that failed."""
    results: dict[str, list[Figures | None]] = {cell.name: [] for cell in cells}
    with PrivateRedis() as redis:
        for number in range(rounds):
            for cell in order(cells, number):
                redis.flush()
                try:
                    figures = cell.run(redis)
                except Failed as error:
                    # The others have taken their time: they stay.
                    print(f"bench: {cell.name}: {error}", file=sys.stderr, flush=True)
                    results[cell.name].append(None)
                    continue
                results[cell.name].append(figures)
                rate = figures.get("rate")
                shown = figures.get("latency_ms") or (f"{rate:,.0f}/s" if rate else figures)
                print(f"round {number + 1}/{rounds}  {cell.name:40} {shown}", file=sys.stderr, flush=True)
    return results


def order(cells: list[Cell], number: int) -> list[Cell]:
    """The cells of a round: another order each time, groups together, and within a group each cell in each place in turn."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.group or cell.name, []).append(cell)
    ordered = []
    for group in random.Random(number).sample(list(groups.values()), len(groups)):
        for turn in range(TURNS if group[0].group else 1):
            start = (number * TURNS + turn) % len(group)
            ordered += group[start:] + group[:start]
    return ordered


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Scripts/bench", description="Measures SpanQueue beside the floor and others.")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--jobs", type=positive, default=200_000, help="jobs of a drain")
    parser.add_argument("--only", action="append", default=[], help="only cells whose name holds this; may be repeated")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--check", action="store_true", help="fail where a figure is past its committed limit")
    parser.add_argument("--set-limits", action="store_true", help="measure nothing: make limits of the last run's results")
    parser.add_argument("--chart", action="store_true", help="draw performance.svg beside the results")
    parser.add_argument("--docs", action="store_true", help="put tables and chart into docs/")
    parser.add_argument("--scale", action="store_true", help="measure what docs/capacity.md says, instead")
    parser.add_argument("--out", type=Path, default=ROOT / ".bench")
    parser.add_argument("--spanq", type=Path, default=ROOT / ".build/release/spanq")
    parser.add_argument("--environments", type=Path, default=ROOT / ".bench", help="where the peers are installed")
    parser.add_argument("--allocations", type=Path, help="a library that counts allocations; see README.md")
    return parser.parse_args()


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("use 1 or more")
    return number


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
    except Failed as error:
        sys.exit(f"bench: {error}")
