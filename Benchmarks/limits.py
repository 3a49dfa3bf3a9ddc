# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Makes the limits of `thresholds.json`, at which `--check` fails, of what a run has reached."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from report import THRESHOLDS, THRESHOLDS_FILE


def main(results: Path) -> int:
    """Sets the limit of each rule that has a margin and was measured; the others keep what was set by hand."""
    if not results.exists():
        sys.exit(f"bench: there is no {results}: run Scripts/bench first")
    summary = json.loads(results.read_text())
    reached = {rule["name"]: rule["value"] for rule in summary["ratios"] + summary["bounds"]}
    for rule in THRESHOLDS["ratios"] + THRESHOLDS["bounds"]:
        value = reached.get(rule["name"])
        if value is None or "margin" not in rule:
            continue
        limit = value * (1 - rule["margin"] if rule["side"] == "least" else 1 + rule["margin"])
        before, rule["limit"] = rule["limit"], float(f"{limit:.3g}")
        print(f"{rule['name']}: reached {value:.4g}, limit {before:g} -> {rule['limit']:g}")
    lists = (
        f'  "{name}": [\n' + ",\n".join(f"    {json.dumps(rule, ensure_ascii=False)}" for rule in rules) + "\n  ]"
        for name, rules in THRESHOLDS.items())
    THRESHOLDS_FILE.write_text("{\n" + ",\n".join(lists) + "\n}\n")
    return 0
