# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Workers: who works, who is idle, who is cut off."""

import queries as q
import shared
from board import Board, instances
from panels import WORKER_LINK, Column, Query, series, stat, table, to

WHERE = q.INSTANCE
SCRIPTS = 'operation=~"enqueue|claim|settle|extend|reclaim"'
WORKING = "(sum by (instance) (spanq_worker_slots{" + WHERE + "}) > 0)"
FAILED_RENEWALS = q.recent("spanq_lease_renewals_total", WHERE + ',result="error"')
AGE = "time() - max by (instance) (%s{" + WHERE + "} > 0)"


def each(metric: str) -> str:
    """A figure of each process that has slots."""
    return f"max by (instance) ({metric}{{{WHERE}}}) and on (instance) {WORKING}"


def board() -> Board:
    page = Board("spanq-workers", "Workers", "Who works, who is idle, who is cut off, and is Redis quick?", [instances()])
    _now(page)
    _busy(page)
    _leases(page)
    _process(page)
    _postgres(page)
    return page


def _now(page: Board) -> None:
    busy = f"clamp_max(sum(rate(spanq_worker_busy_seconds_total{{{WHERE}}}[$__rate_interval])) / sum{WORKING}, 1)"
    page.add(stat("Workers", "Processes with slots that are scraped.", q.or_zero(f"count{WORKING}"), "short",
                  [(None, "red"), (1, "green")], decimals=0), 4, 4)
    page.add(stat("Slots", "Jobs they can run at once.", q.or_zero(f"sum{WORKING}"), "short", [(None, "red"), (1, "green")],
                  decimals=0), 4, 4)
    page.add(stat("Slots in use", "Share of the slots that were busy. Near 100%: add workers.", f"{busy} or vector(-1)",
                  "percentunit", [(None, "green"), (0.8, "orange"), (0.95, "red")], decimals=0,
                  words={"-1": ("no workers", "red")}), 4, 4)
    page.add(stat("Idle workers", "Workers that ran nothing in the last five minutes.", q.or_zero(
        f"count((sum by (instance) (increase(spanq_worker_busy_seconds_total{{{WHERE}}}[5m])) and on (instance) {WORKING}) == 0)"),
        "short", [(None, "green"), (1, "blue")], decimals=0), 4, 4)
    page.add(stat("Longest without an answer", "The worker whose last answer to a claim is the oldest. Over a minute it is cut off, "
                  "or all its slots are taken.", q.or_zero(f"max({AGE % 'spanq_last_claim_timestamp_seconds'})"), "s",
                  [(None, "green"), (30, "orange"), (60, "red")], decimals=0), 4, 4)
    page.add(stat("Renewals failing", "Heartbeats that failed in the last five minutes. Leases that are not extended are "
                  "reclaimed, and their jobs run twice.", q.or_zero(f"ceil({FAILED_RENEWALS})"),
                  "short", [(None, "green"), (1, "red")], decimals=0), 4, 4)


def _busy(page: Board) -> None:
    page.row("Who works, and who is idle?")
    page.add(table("Processes", "Each worker now. Click a name to see it alone.", "instance", "Instance", [
        Column("Slots", WORKING),
        Column("Busy", each("spanq_worker_busy")),
        Column("In use", shared.utilisation_by_instance(WHERE), "percentunit",
               [(None, "transparent"), (0.8, "orange"), (0.95, "red")], 0),
        Column("Last claim answered", AGE % "spanq_last_claim_timestamp_seconds", "s",
               [(None, "transparent"), (30, "orange"), (60, "red")], 0),
        Column("Up for", AGE % "process_start_time_seconds" + f" and on (instance) {WORKING}", "s", decimals=0),
        Column("Memory", each("process_resident_memory_bytes"), "bytes", decimals=0),
    ], link=to("spanq-workers", "Only this worker", instance="${__value.text}"), sort="In use"), 24, 7)
    page.add(series("Slots in use by worker", "Share of a worker's slots that were busy. 0%: it is idle.", "percentunit",
                    [Query(shared.utilisation_by_instance(WHERE), "{{instance}}")], high=1, link=WORKER_LINK), 12, 8)
    page.add(series("Jobs started by worker", "Claimed, a second.", "suffix:jobs/s",
                    [Query(q.rate("spanq_jobs_claimed_total", WHERE, "instance") + f" and on (instance) {WORKING}", "{{instance}}")],
                    stack=True, link=WORKER_LINK), 12, 8)


def _leases(page: Board) -> None:
    page.row("Do they hold what they took?")
    page.add(series("Heartbeats", "Leases extended, a second, and those that failed.", "suffix:/s", [
        Query(q.rate("spanq_lease_renewals_total", WHERE, "result"), "{{result}}")], colors={"error": "red", "ok": "green"}), 8, 8)
    page.add(series("Leases reclaimed and lost", "In the last five minutes, by the worker that noticed.", "short", [
        Query(q.recent("spanq_leases_reclaimed_total", WHERE, "instance") + f" and on (instance) {WORKING}", "{{instance}}: reclaimed"),
        Query(q.recent("spanq_leases_lost_total", WHERE, "instance") + f" and on (instance) {WORKING}", "{{instance}}: lost")]), 8, 8)
    page.add(series("Handlers that ignore cancellation", "In the last five minutes: they went on after their grace, and block a "
                    "slot.", "short", [Query(q.recent("spanq_handlers_ignoring_cancellation_total", WHERE, "queue"), "{{queue}}")],
                    link=to("spanq-queue", "Open queue", queue="${__field.labels.queue}")), 8, 8)


def _process(page: Board) -> None:
    page.row("Is Redis quick, and are the processes well?")
    page.add(series("Engine round trips by script, p99", "The scripts that move jobs. Tens of milliseconds: Redis, the network or a "
                    "worker's machine is slow.", "s", [
                        Query(q.quantile(0.99, "spanq_engine_operation_seconds", WHERE + "," + SCRIPTS, "engine, operation"),
                              "{{engine}} {{operation}}")],
                    log=True), 12, 8)
    page.add(series("Engine errors and reconnects", "In the last five minutes.", "short", [
        Query(q.recent("spanq_engine_errors_total", WHERE, "engine, operation, error_type"),
              "{{engine}} {{operation}}: {{error_type}}"),
        Query(q.recent("spanq_engine_reconnects_total", WHERE, "instance"), "{{instance}}: reconnects")]), 12, 8)
    page.add(series("CPU", "Cores in use.", "suffix:cores", [
        Query(q.rate("process_cpu_seconds_total", WHERE, "instance") + " and on (instance) spanq_build_info", "{{instance}}")],
        link=WORKER_LINK), 8, 8)
    page.add(series("Memory", "Resident memory.", "bytes", [
        Query(f"max by (instance) (process_resident_memory_bytes{{{WHERE}}}) and on (instance) spanq_build_info", "{{instance}}")],
        link=WORKER_LINK), 8, 8)
    page.add(series("Open files", "Share of the file descriptors a process may open.", "percentunit", [
        Query(f"max by (instance) (process_open_fds{{{WHERE}}} / process_max_fds) and on (instance) spanq_build_info", "{{instance}}")],
        high=1, link=WORKER_LINK), 8, 8)


def _postgres(page: Board) -> None:
    """Empty where the engine is Redis. Every process reads the same: the largest counts."""
    page.row("Is Postgres well?")
    page.add(series("Dead rows by table", "Versions of rows that nobody needs and no vacuum has removed yet. They grow without end: somebody "
                    "keeps vacuum from it.", "short", [
                        Query("max by (table) (spanq_engine_dead_rows)", "{{table}}")]), 6, 8)
    page.add(series("Oldest snapshot", "For how long somebody has kept dead rows. Minutes: look with `spanq pg doctor`, which has the pid.", "s", [
        Query("max by (kind) (spanq_engine_oldest_snapshot_seconds)", "{{kind}}")]), 6, 8)
    page.add(series("Connections", "Of those that the server allows, by everybody.", "percentunit", [
        Query("max by (engine) (spanq_engine_connections) / max by (engine) (spanq_engine_connections_max)", "{{engine}}")], high=1), 6, 8)
    page.add(series("Written ahead", "Bytes of the write-ahead log a second, of everybody.", "Bps", [
        Query("max by (engine) (rate(spanq_engine_wal_bytes_total[$__rate_interval]))", "{{engine}}")]), 6, 8)
