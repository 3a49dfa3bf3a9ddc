#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What promtool does not check: that alerts are complete, that each has a page, and that no metric is read wrongly."""

import re
import sys
from urllib.parse import urlparse

import promql
import rulefiles

SHARED = {
    "spanq_queue_jobs", "spanq_queue_oldest_job_age_seconds", "spanq_queue_paused", "spanq_workers_alive",
    "spanq_queue_scrape_success",
}
DASHBOARDS = {"spanq-overview", "spanq-queue", "spanq-workers", "spanq-gateways", "spanq-job-types", "spanq-job-trace", "spanq-telemetry"}
#: The pages of SpanQueue that an alert may lead to.
PAGES = r"/|/queues/\{\{ \$labels\.queue \}\}|/jobs|/workers|/about"
COUNTER_FUNCTIONS = {"rate", "irate", "increase"}
COUNTER = re.compile(r"_(total|count|sum|bucket)$|:total$")


def shared_gauges(rule: rulefiles.Rule) -> list[str]:
    """Shared gauges may be read by `max by (…) (gauge)` alone, in a recording rule that says so in its name."""
    used = SHARED & promql.names(rule["expr"])
    if not used:
        return []
    only_max = re.fullmatch(r"max\s*(by \([a-z, ]+\)\s*)?\(\w+\)", rule["expr"].strip())
    if "record" in rule and only_max and rule["record"].endswith(":max"):
        return []
    return [f"reads the shared gauge {', '.join(sorted(used))}; only a recording rule `max by (…)` may"]


def sums_of_max(rule: rulefiles.Rule) -> list[str]:
    """The recorded maxima may be summed over states, never over anything that has two processes in it: queue stays."""
    if re.search(r"\b(sum|avg)\s*(by \((?![^)]*queue)[^)]*\))?\s*\(\s*[a-z_]+:spanq_\w+:max", rule["expr"]):
        return ["adds up a recorded maximum without keeping the queue"]
    return []


def rates(rule: rulefiles.Rule) -> list[str]:
    """rate and its kin take counters only."""
    parts = [part for part in promql.tokens(rule["expr"]) if part.kind not in ("space", "comment")]
    wrong = []
    for index, part in enumerate(parts[:-2]):
        if part.kind == "word" and part.text in COUNTER_FUNCTIONS and not COUNTER.search(parts[index + 2].text):
            wrong.append(f"{part.text} of {parts[index + 2].text}, which is not a counter")
    return wrong


def undefined(rule: rulefiles.Rule, records: set[str]) -> list[str]:
    """A record that nothing defines would never fire."""
    used = {word for word in promql.names(rule["expr"]) if ":" in word.strip(":")}
    return [f"reads {word}, which no rule records" for word in sorted(used - records)]


def alert(rule: rulefiles.Rule) -> list[str]:
    """Labels, annotations, dashboard, page."""
    wrong = []
    name, labels, notes = rule["alert"], rule.get("labels", {}), rule.get("annotations", {})
    if labels.get("severity") not in ("page", "ticket"):
        wrong.append("has no severity of page or ticket")
    if labels.get("service") != "spanq":
        wrong.append("has no label service: spanq")
    for key in ("summary", "description", "dashboard", "page_url", "runbook_url"):
        if not notes.get(key):
            wrong.append(f"has no {key}")
    if "$value" not in notes.get("description", "") and "query" not in notes.get("description", "") \
            and name != "SpanqRedisUnreachable":
        wrong.append("does not print its figure in the description")
    uid = urlparse(notes.get("dashboard", "")).path.removeprefix("/d/")
    if uid not in DASHBOARDS:
        wrong.append(f"links the dashboard {uid!r}, which is none of ours")
    if uid == "spanq-queue" and "{{ $labels.queue }}" not in notes.get("dashboard", ""):
        wrong.append("does not fill in the queue in its link")
    page = urlparse(notes.get("page_url", "")).path
    if uid == "spanq-queue" and page != "/queues/{{ $labels.queue }}" or not re.fullmatch(PAGES, page):
        wrong.append(f"links {page!r}, which is not the page for it")
    if notes.get("runbook_url") != f"docs/runbooks/{name}.md":
        wrong.append(f"does not link docs/runbooks/{name}.md")
    elif not (rulefiles.RUNBOOKS / f"{name}.md").is_file():
        wrong.append("has no page in docs/runbooks")
    return wrong


def runbook(name: str) -> list[str]:
    """A page says what it means, what to look at and what to do, with commands."""
    text = (rulefiles.RUNBOOKS / f"{name}.md").read_text()
    lines = text.splitlines()
    wrong = [f"lacks the heading {h!r}" for h in ("## What it means", "## Look", "## Do") if h not in lines]
    return wrong + ([] if "```sh" in text else ["has no command"])


def problems() -> list[str]:
    found: list[str] = []
    rules = rulefiles.rules()
    records = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        wrong = shared_gauges(rule) + sums_of_max(rule) + rates(rule) + undefined(rule, records)
        found += [f"{rulefiles.name(rule)}: {line}" for line in wrong + (alert(rule) if "alert" in rule else [])]
    alerts = {rule["alert"] for rule in rules if "alert" in rule}
    documented = (rulefiles.ROOT / "docs/alerts.md").read_text()
    found += [f"{name}: is not in docs/alerts.md" for name in sorted(alerts) if f"{name}.md)" not in documented]
    for page in sorted(rulefiles.RUNBOOKS.glob("*.md")):
        if page.stem not in alerts:
            found.append(f"docs/runbooks/{page.name}: belongs to no alert")
        else:
            found += [f"docs/runbooks/{page.name}: {line}" for line in runbook(page.stem)]
    order = [group["name"] for group in rulefiles.groups()]
    for path in sorted(rulefiles.TESTS.glob("*.yml")):
        if set(rulefiles.load(path)["group_eval_order"]) != set(order):
            found.append(f"tests/{path.name}: group_eval_order does not name the groups there are")
    return found


if __name__ == "__main__":
    lines = problems()
    for line in lines:
        print(line, file=sys.stderr)
    sys.exit(1 if lines else 0)
