# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Overview: is it well, and if not, where to look."""

import queries as q
import shared
from board import Board, pages, queues
from panels import (JOBS_PER_SECOND, OUTCOME_COLORS, QUEUE_LINK, QUEUE_PAGE, STATE_COLORS, TYPE_LINK, WORKER_LINK, Column, Query, heat,
                    latency, page_of, series, stat, table, to)

# What the page has chosen goes along.
QUEUE = to("spanq-queue", "Open queue").url("/d/spanq-queue?${__url_time_range}&${queue:queryparam}")


def board() -> Board:
    page = Board("spanq-overview", "Overview", "Is work keeping up, what is slow, what fails, who is idle, and can these "
                 "pages be believed?", [queues(), pages()])
    _glance(page)
    _keeping_up(page)
    _slow(page)
    _failing(page)
    _machinery(page)
    return page


def _glance(page: Board) -> None:
    page.add(stat("Oldest ready job", "How long the oldest job that could start has waited, in the worst queue. 0 when none "
                  "waits. Red: nobody takes the work, or too few do.",
                  q.or_zero(f"max({q.oldest()})"), "s",
                  [(None, "green"), (30, "orange"), (300, "red")], decimals=0, link=QUEUE), 3, 4)
    page.add(stat("Ready jobs", "Jobs that could start now, over all chosen queues.", q.or_zero(f"sum({q.jobs('ready')})"),
                  "short", [(None, "green"), (1000, "orange"), (10000, "red")], decimals=0, link=QUEUE), 3, 4)
    page.add(stat("Time to drain", "Until the last of the queues that shrink has no ready job, at the pace of the last half minute. \"not "
                  "shrinking\": in some queue jobs wait for over 30 s, and do not become fewer. \"waits < 30 s\": jobs "
                  "wait, and not for longer than promised.", q.worst_drain(), "s",
                  [(None, "green"), (300, "orange"), (3600, "red")], decimals=0, graph=False, words=q.DRAIN_WORDS,
                  link=QUEUE), 3, 4)
    page.add(stat("Wait budget left", "Of the 1% of jobs that may start later than 30 s after they could, over 30 days, how "
                  "much the worst queue has left. 100% when no job was late, below 0% when the promise is broken.",
                  f"min({q.slo_left()})", "percentunit", [(None, "red"), (0.0001, "orange"), (0.5, "green")], decimals=0,
                  instant=True, link=QUEUE), 3, 4)
    page.add(stat("Failing attempts", "Share of the attempts of the last five minutes that were retried, buried or lost.",
                  q.or_zero(q.failing_share(q.QUEUE)), "percentunit", [(None, "green"), (0.05, "orange"), (0.25, "red")],
                  decimals=1, link=to("spanq-job-types", "Open job types")), 3, 4)
    page.add(stat("Dead letters", "Jobs that wait for a person: `spanq dead list`. They stay until they are redriven, purged "
                  "or their retention ends.", q.or_zero(f"sum({q.jobs('dead')})"), "short",
                  [(None, "green"), (1, "orange"), (100, "red")], decimals=0,
                  link=to("spanq-job-trace", "Open failed traces")), 3, 4)
    page.add(stat("Slots in use", "Share of all workers' slots that were busy. Near 100% and jobs wait: add workers. Near 0% "
                  "and jobs wait: somebody paused the queue, or no worker serves it.",
                  f"{shared.UTILISATION} or vector(-1)", "percentunit", [(None, "green"), (0.8, "orange"), (0.95, "red")],
                  decimals=0, words={"-1": ("no workers", "red")}, link=to("spanq-workers", "Open workers")), 3, 4)
    page.add(stat("Telemetry faults", "Figures not read from Redis, processes that do not answer, and spans dropped in the last "
                  "five minutes. Not 0: these pages may show too little.", shared.FAULTS, "short", [(None, "green"), (1, "red")],
                  decimals=0, words={"0": ("none", "green")}, graph=False,
                  link=to("spanq-telemetry", "Open telemetry health")), 3, 4)


def _keeping_up(page: Board) -> None:
    page.row("Is work keeping up?")
    page.add(table("Queues", "Each queue now. Click a name for its page.", "queue", "Queue", [
        Column("Ready", q.jobs("ready")),
        Column("Oldest", q.oldest(), "s",
               [(None, "transparent"), (30, "orange"), (300, "red")], 0),
        Column("To drain", q.drain_or_word(), "s", [(None, "transparent"), (300, "orange"), (3600, "red")], 0,
               {"-1": ("not shrinking", "red"), "-2": (f"waits < {q.SLO_SECONDS} s", "transparent")}),
        Column("Active", q.jobs("active")),
        Column("Retrying", q.jobs("retrying")),
        Column("Dead", q.jobs("dead"), steps=[(None, "transparent"), (1, "orange"), (100, "red")]),
        Column("Workers", q.shared("spanq_workers_alive", q.QUEUE), steps=[(None, "red"), (1, "transparent")]),
        Column("Paused", q.shared("spanq_queue_paused", q.QUEUE), steps=[(None, "transparent"), (1, "blue")],
               words={"0": ("no", "transparent"), "1": ("paused", "blue")}),
        Column("Budget left", q.slo_left(), "percentunit", [(None, "red"), (0.0001, "orange"), (0.5, "transparent")], 0),
    ], link=[to("spanq-queue", "Open queue", queue="${__value.text}"), page_of("/queues/${__value.text}")], sort="Ready"), 16, 8)
    page.add(shared.firing(), 8, 8)
    page.add(series("Arriving, started, completed", "Jobs a second. Arriving is what became ready: enqueued, due, or to be tried "
                    "again. While it lies above started, the backlog grows.", JOBS_PER_SECOND, [
                        Query(f"sum({q.arriving()})", "arriving"),
                        Query(q.rate("spanq_jobs_claimed_total", q.QUEUE), "started"),
                        Query(q.rate(q.ATTEMPTS, q.QUEUE + ',outcome="completed"'), "completed"),
                    ], colors={"arriving": "yellow", "started": "blue", "completed": "green"}, link=QUEUE), 12, 8)
    page.add(series("Jobs by state", "Jobs that are not over, over all chosen queues. Ready jobs could start now.", "short",
                    [Query(f"sum({q.jobs(state)})", state) for state in ("ready", "active", "scheduled", "retrying")],
                    stack=True, colors=STATE_COLORS, link=QUEUE), 12, 8)


def _slow(page: Board) -> None:
    page.row("What is slow: waiting or running?")
    page.add(latency("Waiting to start", "From when a job could start to its claim. High: too few workers. The dashed line is the "
                     "promise.", q.WAIT, q.QUEUE, q.quantile, steps=[(None, "transparent"), (q.SLO_SECONDS, "red")], link=QUEUE), 12, 8)
    page.add(latency("Running", "How long handlers ran. High: the work itself, or what it calls, is slow.", q.RUN, q.QUEUE,
                     q.quantile, link=to("spanq-job-types", "Open job types")), 12, 8)
    page.add(heat("Waits", "How many jobs waited how long.", q.buckets(q.WAIT, q.QUEUE)), 12, 8)
    page.add(heat("Runs", "How many attempts ran how long.", q.buckets(q.RUN, q.QUEUE)), 12, 8)


def _failing(page: Board) -> None:
    page.row("What fails, and why?")
    page.add(series("Failures by error", "Failed attempts of the last five minutes, by type of job and kind of error.", "short", [
        Query(q.recent("spanq_job_errors_total", q.QUEUE, "job_type, error_type"), "{{job_type}}: {{error_type}}")],
        stack=True, empty="None", link=TYPE_LINK), 12, 8)
    page.add(series("Dead letters by reason", "Jobs given up in the last five minutes, and why.", "short", [
        Query(q.recent("spanq_jobs_dead_total", q.QUEUE, "queue, reason"), "{{queue}}: {{reason}}")],
        stack=True, empty="None", link=[QUEUE_LINK, QUEUE_PAGE]), 12, 8)
    page.add(series("Attempts by outcome", "Attempts that ended, a second.", JOBS_PER_SECOND, [
        Query(q.rate(q.ATTEMPTS, q.QUEUE, "outcome"), "{{outcome}}")], stack=True, colors=OUTCOME_COLORS,
        link=to("spanq-job-types", "Open job types")), 12, 8)
    page.add(series("Retries per success", "Attempts to be tried again for each one that completed, in the last five minutes. "
                    "1 means that every job is run twice.", "short", [shared.retries_per_success(q.QUEUE)],
                    link=TYPE_LINK), 12, 8)


def _machinery(page: Board) -> None:
    page.row("Who is idle, and is the machinery well?")
    page.add(series("Slots in use by worker", "Share of a worker's slots that were busy. 0%: it is idle.", "percentunit",
                    [Query(shared.utilisation_by_instance(), "{{instance}}")], high=1, link=WORKER_LINK), 8, 8)
    page.add(shared.round_trips(), 8, 8)
    page.add(shared.spans_lost(), 8, 8)
