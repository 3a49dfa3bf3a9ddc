#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Breaks each rule in each way of mutations.py and lists the mutants that no test notices. None may survive.

For speed a mutant runs with the rules that it needs and the tests that could notice it, and no others.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mutations
import promql
import rulefiles
from rulefiles import Rule

# A mutant that means the same as the rule can't be noticed: rule, beginning of the mutation, and why.
EQUIVALENT: list[tuple[str, str, str]] = [
]


class Suite:
    """The rules and the tests around one rule."""

    def __init__(self, rules: list[Rule], files: list[dict[str, Any]], chosen: Rule) -> None:
        name = rulefiles.name(chosen)
        self.names = self.readers(rules, name)
        needed = self.read(rules, self.names)
        self.rules = [rule for rule in rules if rulefiles.name(rule) in needed]
        self.files = [suite for file in files if (suite := self.reduced(file))]

    @staticmethod
    def readers(rules: list[Rule], name: str) -> set[str]:
        """The rule and all that read it, however far."""
        found, grown = {name}, True
        while grown:
            more = {rulefiles.name(rule) for rule in rules if promql.names(rule["expr"]) & found} - found
            found, grown = found | more, bool(more)
        return found

    @staticmethod
    def read(rules: list[Rule], names: set[str]) -> set[str]:
        """These rules and all that they read, however far."""
        found, grown = set(names), True
        while grown:
            words = set().union(*(promql.names(rule["expr"]) for rule in rules if rulefiles.name(rule) in found))
            more = {rulefiles.name(rule) for rule in rules if "record" in rule} & words - found
            found, grown = found | more, bool(more)
        return found

    def reduced(self, file: dict[str, Any]) -> dict[str, Any] | None:
        """The tests of a file that look at one of the names, with the series that the rules read."""
        words = set().union(*(promql.names(rule["expr"]) for rule in self.rules)) | {"up"}
        tests = []
        for test in file["tests"]:
            alerts = [one for one in test.get("alert_rule_test", []) if one["alertname"] in self.names]
            exprs = [one for one in test.get("promql_expr_test", []) if promql.names(one["expr"]) & self.names]
            if alerts or exprs:
                series = [one for one in test["input_series"] if one["series"].split("{")[0] in words]
                tests.append(test | {"alert_rule_test": alerts, "promql_expr_test": exprs, "input_series": series})
        if not tests:
            return None
        return {"rule_files": ["rules.yml"], "evaluation_interval": file["evaluation_interval"], "tests": tests}

    def run(self, original: Rule | None = None, mutant: Rule | None = None) -> tuple[bool, str]:
        """Whether all tests pass, and what promtool said."""
        rules = [mutant if rule is original else rule for rule in self.rules]
        with tempfile.TemporaryDirectory() as folder:
            content = {"groups": [{"name": "all", "rules": rules}]}
            # JSON is YAML, and much faster to write.
            Path(folder, "rules.yml").write_text(json.dumps(content))
            for index, file in enumerate(self.files):
                path = Path(folder, f"test{index}.yml")
                path.write_text(json.dumps(file))
                done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    return False, done.stdout + done.stderr
            return True, ""


def main() -> int:
    rules = [rule for file in ("thresholds.yml", "recording.yml", "alerts.yml")
             for group in rulefiles.load(rulefiles.RULES / file)["groups"] for rule in group["rules"]]
    # Recordings that read thresholds and thresholds that read recordings: shared ones first, as in group_eval_order.
    rules.sort(key=lambda rule: not rulefiles.name(rule).endswith(":max"))
    files = [rulefiles.load(path) for path in sorted(rulefiles.TESTS.glob("*.yml"), key=lambda p: p.stat().st_size)]
    jobs: list[tuple[Suite, Rule, str, Rule | None]] = []
    for rule in rules:
        suite = Suite(rules, files, rule)
        jobs.append((suite, rule, "unbroken", None))
        jobs += [(suite, rule, what, mutant) for what, mutant in mutations.all_of(rule)]

    def outcome(job: tuple[Suite, Rule, str, Rule | None]) -> str | None:
        suite, rule, what, mutant = job
        passed, output = suite.run(rule, mutant) if mutant else suite.run()
        label = f"{rulefiles.name(rule)}: {what}"
        if mutant is None:
            return None if passed else f"{label}: the tests fail\n{output}"
        if "parse error" in output or "could not parse" in output:
            return f"{label}: is not a valid rule, fix mutations.py\n{mutant['expr']}\n{output[:300]}"
        known = any(rulefiles.name(rule) == name and what.startswith(start) for name, start, _ in EQUIVALENT)
        if known:
            return f"{label}: is noticed, take it off EQUIVALENT" if not passed else None
        return f"{label}: survives" if passed else None

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        survivors = [line for line in pool.map(outcome, jobs) if line]
    for line in survivors:
        print(line, file=sys.stderr)
    broken = sum(mutant is not None for *_, mutant in jobs)
    print(f"{broken} mutants of {len(rules)} rules, {len(survivors)} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
