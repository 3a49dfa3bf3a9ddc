# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Job types: which type is slow, and which fails."""

import queries as q
import shared
from board import Board, queues, types
from panels import JOBS_PER_SECOND, OUTCOME_COLORS, Column, Query, heat, latency, series, table, to

WHERE = q.QUEUE_TYPE
THIS_TYPE = to("spanq-job-types", "Only this type", type="${__field.labels.job_type}")


def board() -> Board:
    page = Board("spanq-job-types", "Job types", "Which type is slow, which fails, and why?", [queues(), types()])
    page.add(table("Types", "Each type, of the last five minutes. Click a name to see it alone.", "job_type", "Type", [
        Column("Completed", q.recent(q.ATTEMPTS, WHERE + ',outcome="completed"', "job_type"), decimals=0),
        Column("Retried", q.recent(q.ATTEMPTS, WHERE + ',outcome="retried"', "job_type"), decimals=0),
        Column("Buried", q.recent(q.ATTEMPTS, WHERE + ',outcome="buried"', "job_type"), decimals=0),
        Column("Failing", q.failing_share(WHERE, "job_type"), "percentunit",
               [(None, "transparent"), (0.05, "orange"), (0.25, "red")], 1),
        Column("Run p50", five_minutes(0.5, q.RUN), "s"),
        Column("Run p95", five_minutes(0.95, q.RUN), "s"),
        Column("End to end p95", five_minutes(0.95, "spanq_job_end_to_end_seconds"), "s"),
    ], link=to("spanq-job-types", "Only this type", type="${__value.text}"), sort="Failing"), 24, 8)
    _slow(page)
    _failing(page)
    return page


def five_minutes(quantile: float, metric: str) -> str:
    """By type, over long enough that a seldom type has a figure; nothing where nothing ran."""
    return (f"histogram_quantile({quantile}, sum by (le, job_type) (rate({metric}_bucket{{{WHERE}}}[5m])))"
            f" and on (job_type) sum by (job_type) (rate({metric}_count{{{WHERE}}}[5m])) > 0")


def _slow(page: Board) -> None:
    page.row("Which is slow?")
    page.add(latency("Running", "How long handlers ran, the chosen types together.", q.RUN, WHERE, q.quantile), 12, 8)
    page.add(heat("Runs", "How many attempts ran how long.", q.buckets(q.RUN, WHERE)), 12, 8)
    page.add(series("Running by type, p95", "The time that one attempt of twenty exceeds.", "s", [
        Query(q.quantile(0.95, q.RUN, WHERE, "job_type"), "{{job_type}}", exemplar=True)], log=True, link=THIS_TYPE), 12, 8)
    page.add(latency("End to end", "From enqueue or due time to completion, waits and retries included: what a user waits for.",
                     "spanq_job_end_to_end_seconds", WHERE, q.quantile), 12, 8)
    page.add(series("Slots taken by type", "How many slots a type keeps busy, on average. The type to make faster, or to give "
                    "workers of its own.", "short", [
                        Query(f"sum by (job_type) (rate({q.RUN}_sum{{{WHERE}}}[$__rate_interval]))", "{{job_type}}")],
                    stack=True, link=THIS_TYPE), 24, 8)


def _failing(page: Board) -> None:
    page.row("Which fails, and why?")
    page.add(series("Completed by type", "Jobs a second.", JOBS_PER_SECOND, [
        Query(q.rate(q.ATTEMPTS, WHERE + ',outcome="completed"', "job_type"), "{{job_type}}")], link=THIS_TYPE), 12, 8)
    page.add(series("Attempts by outcome", "Attempts that ended, a second.", JOBS_PER_SECOND, [
        Query(q.rate(q.ATTEMPTS, WHERE, "outcome"), "{{outcome}}")], stack=True, colors=OUTCOME_COLORS), 12, 8)
    page.add(series("Failing attempts by type", "Share of the attempts of the last five minutes that were retried, buried or lost.",
                    "percentunit", [Query(q.failing_share(WHERE, "job_type"), "{{job_type}}")], high=1, link=THIS_TYPE), 12, 8)
    page.add(series("Failures by error", "Failed attempts of the last five minutes.", "short", [
        Query(q.recent("spanq_job_errors_total", WHERE, "job_type, error_type"), "{{job_type}}: {{error_type}}")],
        stack=True, empty="None", link=THIS_TYPE), 12, 8)
    page.add(series("Dead letters by reason", "Jobs given up in the last five minutes.", "short", [
        Query(q.recent("spanq_jobs_dead_total", WHERE, "job_type, reason"), "{{job_type}}: {{reason}}")],
        stack=True, empty="None", link=THIS_TYPE), 12, 8)
    page.add(series("Retries per success", "Attempts to be tried again for each one that completed, in the last five minutes.",
                    "short", [shared.retries_per_success(WHERE)], link=THIS_TYPE), 12, 8)
