# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The fire drill; Tools/observability/fire-drill runs it, and says how it is used."""

import argparse
import datetime
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import drill
from faults import FAULTS
from processes import end_on_signals
from stack import ROOT

FACTOR = 30
PAGE = ROOT / "docs/alerts.md"
BEGIN, END = "<!-- fire drill -->", "<!-- end of fire drill -->"


def table(outcomes: list[dict[str, Any]]) -> str:
    lines = ["| fault | told | by | seconds until told, of at most | until resolved | what followed | unexpected |", "|---|---|---|---|---|---|---|"]
    for outcome in outcomes:
        first = True
        for row in outcome["rows"]:
            told, back = (f"{row[key]:.0f}" if row[key] is not None else "**never**" for key in ("told", "resolved"))
            rest = ((", ".join(outcome["followed"]) or "nothing", ", ".join(outcome["unexpected"]) or "none") if first else ("", ""))
            lines.append(f"| {outcome['fault'] if first else ''} | {row['what']} | {row['channel']} | {told} of {row['bound']:.0f} | {back} | "
                         f"{rest[0]} | {rest[1]} |")
            first = False
    return "\n".join(lines)


def written(text: str, factor: float) -> None:
    """Puts the table into docs/alerts.md."""
    page = PAGE.read_text()
    head = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, all times of the rules and routes divided by {factor:g}:"
    block = f"{BEGIN}\n{head}\n\n{text}\n{END}"
    if not re.search(f"{BEGIN}.*{END}", page, re.DOTALL):
        sys.exit(f"docs/alerts.md lacks the lines {BEGIN} and {END}")
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: block, page, flags=re.DOTALL))


def all_of(names: list[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs the faults in processes of their own, so many at a time; those that run end with this one."""
    waiting = list(names)
    running: dict[str, subprocess.Popen[str]] = {}
    done: dict[str, dict[str, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < options.parallel:
                name = waiting.pop(0)
                print(f"{name} …", flush=True)
                running[name] = subprocess.Popen([sys.executable, __file__, options.spanq, "--factor", str(options.factor), "--one", name],
                                                 stdout=subprocess.PIPE, text=True)
            name = next(iter(running))
            output, _ = running[name].communicate()
            if running.pop(name).returncode != 0:
                sys.exit(f"the drill of “{name}” could not be run")
            done[name] = json.loads(output)
            print(f"{name}: {'; '.join(done[name]['faults']) or 'as expected'}", flush=True)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
    return [done[name] for name in names]


def main() -> int:
    parser = argparse.ArgumentParser(prog="Tools/observability/fire-drill")
    parser.add_argument("spanq", type=Path)
    parser.add_argument("--only", action="append", choices=[fault.name for fault in FAULTS], help="this fault; may be given again")
    parser.add_argument("--factor", type=float, default=FACTOR, help=f"what all times are divided by; {FACTOR}")
    parser.add_argument("--parallel", type=int, default=2, help="faults at a time, each on a stack of its own; 2")
    parser.add_argument("--write", action="store_true", help="put the table into docs/alerts.md")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    end_on_signals()
    if options.one:
        fault = next(fault for fault in FAULTS if fault.name == options.one)
        print(json.dumps(drill.run(options.spanq.resolve(), options.factor, fault).plain()))
        return 0
    outcomes = all_of(options.only or [fault.name for fault in FAULTS], options)
    text = table(outcomes)
    print(f"\n{text}\n")
    wrong = [f"{outcome['fault']}: {line}" for outcome in outcomes
             for line in outcome["faults"] + [f"unexpected: {what}" for what in outcome["unexpected"]]]
    for line in wrong:
        print(line, file=sys.stderr)
    if options.write and not wrong and not options.only:
        written(text, options.factor)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
