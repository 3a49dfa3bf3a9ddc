# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Queue: one queue, or a few, from arrival to end."""

import queries as q
import shared
from board import Board, pages, queues, types
from panels import (JOBS_PER_SECOND, OUTCOME_COLORS, QUEUE_PAGE, STATE_COLORS, TYPE_LINK, Query, heat, latency, series, stat, to)

WHERE = q.QUEUE_TYPE
BURN = [(None, "transparent"), (1, "yellow"), (6, "orange"), (14.4, "red")]
TRACES = to("spanq-job-trace", "Open failed traces").url("/d/spanq-job-trace?${__url_time_range}&${queue:queryparam}")


def board() -> Board:
    page = Board("spanq-queue", "Queue", "Does this queue keep up, who serves it, and what becomes of its jobs?",
                 [queues(), types(), pages()])
    _now(page)
    _flow(page)
    _waiting(page)
    _ends(page)
    return page


def _now(page: Board) -> None:
    page.add(stat("Ready", "Jobs that could start now.", q.or_zero(f"sum({q.jobs('ready')})"), "short",
                  [(None, "green"), (1000, "orange"), (10000, "red")], decimals=0), 4, 4)
    page.add(stat("Oldest ready job", "How long the oldest ready job has waited.", q.or_zero(f"max({q.oldest()})"), "s",
                  [(None, "green"), (30, "orange"), (300, "red")], decimals=0), 4, 4)
    page.add(stat("Live workers", "Workers that serve the queue: of several queues, the fewest. 0: nobody will take its jobs.",
                  q.or_zero(f"min({q.shared('spanq_workers_alive', q.QUEUE)})"), "short", [(None, "red"), (1, "green")],
                  decimals=0, link=to("spanq-workers", "Open workers")), 4, 4)
    page.add(stat("Paused", "Whether somebody stopped the claims: `spanq queue resume` starts them. Of several queues, how many.",
                  q.or_zero(f"sum({q.shared('spanq_queue_paused', q.QUEUE)})"), "short", [(None, "green"), (1, "blue")],
                  decimals=0, words={"0": ("no", "green")}, graph=False), 4, 4)
    page.add(stat("Failing attempts", "Share of the attempts of the last five minutes that were retried, buried or lost.",
                  q.or_zero(q.failing_share(WHERE)), "percentunit", [(None, "green"), (0.05, "orange"), (0.25, "red")],
                  decimals=1), 4, 4)
    page.add(stat("Dead letters", "Jobs that wait for a person: `spanq dead list --queue Q`.",
                  q.or_zero(f"sum({q.jobs('dead')})"), "short", [(None, "green"), (1, "orange"), (100, "red")], decimals=0,
                  link=TRACES), 4, 4)


def _flow(page: Board) -> None:
    page.row("Does it keep up?")
    page.add(series("Arriving and started", "Jobs a second. Arriving is what became ready: enqueued, due, or to be tried again. "
                    "While it lies above started, the backlog grows.", JOBS_PER_SECOND, [
                        Query(q.arriving(), "{{queue}} arriving"),
                        Query(q.rate("spanq_jobs_claimed_total", q.QUEUE, "queue"), "{{queue}} started")]), 12, 8)
    page.add(series("Jobs by state", "Jobs that are not over. Ready jobs could start now, retrying and scheduled ones when they "
                    "are due.", "short", [Query(f"sum({q.jobs(state)})", state)
                                          for state in ("ready", "active", "scheduled", "retrying")],
                    stack=True, colors=STATE_COLORS), 12, 8)
    page.add(series("Time to drain", "Until no job is ready, at the pace of the last half minute. A gap: the backlog does not "
                    "shrink.", "s", [Query(q.drain_seconds(), "{{queue}}")],
                    steps=[(None, "transparent"), (3600, "red")], link=QUEUE_PAGE), 8, 8)
    page.add(series("Oldest ready job", "The wait of the job that has waited longest. It rises by a second a second while nobody "
                    "claims.", "s", [Query(q.oldest(), "{{queue}}")],
                    steps=[(None, "transparent"), (30, "orange"), (300, "red")], link=QUEUE_PAGE), 8, 8)
    page.add(series("Enqueued", "What producers that are scraped gave to enqueue, a second, by answer. Producers that end at once, "
                    "such as `spanq enqueue`, are not seen here.", JOBS_PER_SECOND, [
                        Query(q.rate("spanq_jobs_enqueued_total", WHERE, "outcome"), "{{outcome}}")], stack=True, empty="No scraped producer"), 8, 8)


def _waiting(page: Board) -> None:
    page.row("How long do jobs wait, and is the promise kept?")
    page.add(latency("Waiting to start", "From when a job could start to its claim, all types of the queue together.", q.WAIT,
                     q.QUEUE, q.quantile, steps=[(None, "transparent"), (q.SLO_SECONDS, "red")]), 12, 8)
    page.add(heat("Waits", "How many jobs waited how long.", q.buckets(q.WAIT, q.QUEUE)), 12, 8)
    page.add(stat("Wait budget left", "99% of jobs start within 30 s of when they could, over 30 days. How much of the 1% is left; "
                  "below 0% the promise is broken.", q.slo_left(), "percentunit",
                  [(None, "red"), (0.0001, "orange"), (0.5, "green")], decimals=0, instant=True), 6, 8)
    page.add(series("Budget burnt", "How many times faster than allowed the budget goes. At 1 it lasts 30 days, at 14.4 two.",
                    "suffix:×", [Query(f"{q.slo_bad('1h')} / {q.SLO_ALLOWED}", "{{queue}}, over 1 h"),
                                  Query(f"{q.slo_bad('6h')} / {q.SLO_ALLOWED}", "{{queue}}, over 6 h")], steps=BURN), 9, 8)
    page.add(latency("Late starts of delayed jobs", "First claim of a delayed job after its due time.", "spanq_schedule_lag_seconds",
                     q.QUEUE, q.quantile), 9, 8)


def _ends(page: Board) -> None:
    page.row("What becomes of the jobs?")
    page.add(latency("Running", "How long handlers ran.", q.RUN, WHERE, q.quantile), 12, 8)
    page.add(series("Attempts by outcome", "Attempts that ended, a second.", JOBS_PER_SECOND, [
        Query(q.rate(q.ATTEMPTS, WHERE, "outcome"), "{{outcome}}")], stack=True, colors=OUTCOME_COLORS), 12, 8)
    page.add(series("Failures by error", "Failed attempts of the last five minutes.", "short", [
        Query(q.recent("spanq_job_errors_total", WHERE, "job_type, error_type"), "{{job_type}}: {{error_type}}")],
        stack=True, empty="None", link=TYPE_LINK), 8, 8)
    page.add(series("Dead letters by reason", "Jobs given up in the last five minutes.", "short", [
        Query(q.recent("spanq_jobs_dead_total", WHERE, "job_type, reason"), "{{job_type}}: {{reason}}")],
        stack=True, empty="None", link=TYPE_LINK), 8, 8)
    page.add(series("Retries per success", "Attempts to be tried again for each one that completed, in the last five minutes.",
                    "short", [shared.retries_per_success(WHERE)], link=TYPE_LINK), 8, 8)
    page.add(series("Claims by result", "Claims sent to Redis, a second. Many empty ones: more workers than work.", "suffix:/s", [
        Query(q.rate("spanq_claims_total", q.QUEUE, "result"), "{{result}}")]), 12, 8)
    page.add(series("Leases reclaimed and lost", "In the last five minutes. Reclaimed: a worker died or hung, and another one "
                    "took its job. Lost: a worker that lives did not extend in time.", "short", [
                        Query(q.recent("spanq_leases_reclaimed_total", q.QUEUE, "queue"), "{{queue}}: reclaimed"),
                        Query(q.recent("spanq_leases_lost_total", q.QUEUE, "queue"), "{{queue}}: lost")]), 12, 8)
