"""Measures SpanQueue, the floor and the other queues on one private Redis, in turns, and writes what came out.

Every figure is one process: SpanQueue's come from `spanq bench`, the peers' from `peers/`. The cells are run in rounds, each
round in another order, so that what else the machine does falls on all of them. See README.md.
"""

from __future__ import annotations

import argparse
import json

import random

import sys

from pathlib import Path

import cells
import report
from redis_server import PrivateRedis

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    options = arguments()
    chosen = [cell for cell in cells.all_cells(options) if not options.only or any(o in cell.name for o in options.only)]
    if not chosen:
        sys.exit(f"bench: no cell's name holds {' or '.join(options.only)}")
    results: dict[str, list[dict]] = {cell.name: [] for cell in chosen}
    with PrivateRedis() as redis:
        for number in range(options.rounds):
            order = chosen[:]
            random.Random(number).shuffle(order)
            for cell in order:
                redis.flush()
                figures = cell.run(redis)
                results[cell.name].append(figures)
                rate = figures.get("rate")
                shown = f"{rate:,.0f}/s" if rate else json.dumps(figures.get("latency", figures))
                print(f"round {number + 1}/{options.rounds}  {cell.name:40} {shown}", file=sys.stderr, flush=True)
    summary = report.summarize(results, options)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(summary, indent=1) + "\n")
    (options.out / "results.md").write_text(report.table(summary))
    print(report.table(summary))
    if options.chart:
        report.chart(summary, options.out / "performance.svg")
    return report.check(summary) if options.check else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=200_000, help="jobs of a drain")
    parser.add_argument("--only", action="append", default=[], help="only cells whose name holds this; may be repeated")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--check", action="store_true", help="fail where a ratio is below its committed threshold")
    parser.add_argument("--chart", action="store_true", help="draw performance.svg; needs matplotlib")
    parser.add_argument("--out", type=Path, default=ROOT / ".bench")
    parser.add_argument("--spanq", type=Path, default=ROOT / ".build/release/spanq")
    parser.add_argument("--environments", type=Path, default=ROOT / ".bench", help="where the peers are installed")
    parser.add_argument("--allocations", type=Path, help="a library that counts allocations; see README.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
