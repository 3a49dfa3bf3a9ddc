# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The shipped rule files and their tests, as plain values."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
PROMETHEUS = ROOT / "deploy/prometheus"
RULES = PROMETHEUS / "rules"
TESTS = PROMETHEUS / "tests"
RUNBOOKS = ROOT / "docs/runbooks"

Rule = dict[str, Any]

# The keys of an alert that are durations.
DURATIONS = {"for", "keep_firing_for"}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rule_files() -> dict[str, Any]:
    """File name → content."""
    return {path.name: load(path) for path in sorted(RULES.glob("*.yml"))}


def groups() -> list[dict[str, Any]]:
    return [group for content in rule_files().values() for group in content["groups"]]


def rules() -> list[Rule]:
    return [rule for group in groups() for rule in group["rules"]]


def name(rule: Rule) -> str:
    return str(rule.get("alert") or rule["record"])
