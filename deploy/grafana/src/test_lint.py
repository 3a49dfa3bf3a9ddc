# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The lint sees what it is there for: each fault is put into the dashboards, and has to be found."""

import io
import re
import shutil
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import lint
from expressions import EMPTY, FOLDER, expressions, filled

TELEMETRY = Path(__file__).parents[3] / "docs" / "telemetry.md"
# What is replaced in overview.json, by what, and a word of the fault that is found.
FAULTS = {
    "a shared gauge summed over processes": ("sum(max by (queue) (spanq_queue_jobs", "sum((spanq_queue_jobs", "never sum"),
    "a shared gauge without max": ("max by (queue) (spanq_workers_alive", "sum by (queue) (spanq_workers_alive", "never sum"),
    "a metric that does not exist": ("spanq_job_errors_total", "spanq_job_failures_total", "no metric spanq_job_failures_total"),
    "an expression that does not parse": ("histogram_quantile(0.5, ", "histogram_quantile(0.5 ", "parse error"),
    "a variable that the dashboard does not have": ('queue=~\\"$queue\\"', 'queue=~\\"$queues\\"', "no variable $queues"),
    "no title": ('"title": "Ready jobs"', '"titel": "Ready jobs"', "no title"),
    "no description": ('"description": "Jobs that could', '"note": "Jobs that could', "no description"),
    "no unit": ('"unit": "percentunit"\n      ', '"max": 1\n      ', "no unit"),
    "another data source": ('"uid": "prometheus"', '"uid": "P1809F7CD0C75ACF3"', "fixed uids"),
    "an id twice": ('"id": 3,', '"id": 2,', "its id is missing or taken"),
    "a uid twice": ('"uid": "spanq-overview"', '"uid": "spanq-queue"', "the same uid"),
}


def found(old: str, new: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(FOLDER, Path(folder) / "dashboards"))
        path = copy / "overview.json"
        before = path.read_text(encoding="utf-8")
        assert old in before, f"{old} is no longer in overview.json: choose another place for the fault"
        path.write_text(before.replace(old, new, 1), encoding="utf-8")
        said = io.StringIO()
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            status = lint.main([str(copy), str(TELEMETRY)])
        return said.getvalue() if status else ""


class Lint(unittest.TestCase):
    def test_each_fault_is_found(self) -> None:
        for name, (old, new, word) in FAULTS.items():
            with self.subTest(name):
                self.assertIn(word, found(old, new))

    def test_the_data_sources_have_the_uids_that_the_dashboards_name(self) -> None:
        files = FOLDER.parent / "provisioning" / "datasources"
        uids = re.findall(r"^    uid: (\w+)$", (files / "datasources.yaml").read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(set(uids), lint.DATASOURCES)

    def test_each_excuse_for_no_data_names_a_panel_that_is_there(self) -> None:
        there = {(item.dashboard, item.panel) for item in expressions(FOLDER, {})}
        self.assertEqual(set(EMPTY) - there, set())

    def test_a_variable_in_braces_may_have_a_format_and_one_without_may_not(self) -> None:
        self.assertEqual(filled("m{q=~\"${queue:pipe}\"}[$window:5s]", {"window": "1m"}), "m{q=~\".*\"}[1m:5s]")


if __name__ == "__main__":
    unittest.main()
