# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Telemetry health: can the other pages be believed?"""

import queries as q
import shared
from board import Board, instances
from panels import WORKER_LINK, Column, Query, series, stat, table

WHERE = q.INSTANCE
OURS = "and on (job, instance) last_over_time(spanq_build_info[1d])"
SPANS_PER_SECOND = "suffix:spans/s"


def board() -> Board:
    page = Board("spanq-telemetry", "Telemetry health", "Can the other pages be believed? What is lost on its way to Prometheus "
                 "and Tempo?", [instances()])
    _now(page)
    _metrics(page)
    _spans(page)
    _log(page)
    return page


def _now(page: Board) -> None:
    good_at_zero = [(None, "green"), (1, "red")]
    page.add(stat("Processes not answering", "Scrapes that fail now, of processes that answered within a day.",
                  q.or_zero(shared.DOWN), "short", good_at_zero, decimals=0), 4, 4)
    page.add(stat("Pages without the queues", "Processes that could not read the shared gauges from Redis at the last scrape.",
                  q.or_zero(shared.UNREAD), "short", good_at_zero, decimals=0), 4, 4)
    page.add(stat("Spans dropped", "Lost in the last five minutes because a process's queue was full, or it ended.",
                  q.or_zero(shared.SPANS_DROPPED), "short", good_at_zero, decimals=0), 4, 4)
    page.add(stat("Spans not delivered", "The collector refused them, or could not be reached, in the last five minutes.",
                  q.or_zero(shared.SPANS_UNDELIVERED), "short", good_at_zero, decimals=0), 4, 4)
    page.add(stat("Series beyond the cap", "Lookups in the last five minutes that ended in the overflow child: some label has too "
                  "many values, most likely the type of job.", q.or_zero(f"ceil({q.recent('spanq_metrics_overflow_total')})"),
                  "short", good_at_zero, decimals=0), 4, 4)
    page.add(stat("Versions running", "More than one for long: a deployment has not ended.",
                  q.or_zero("count(count by (version) (spanq_build_info))"), "short",
                  [(None, "red"), (1, "green"), (2, "orange")], decimals=0), 4, 4)


def _metrics(page: Board) -> None:
    page.row("Do the figures reach Prometheus?")
    page.add(series("Scrapes that worked", "1 where the last scrape was answered, 0 where not.", "short",
                    [Query(f"max by (instance) (up{{{WHERE}}} {OURS})", "{{instance}}")], high=1, link=WORKER_LINK), 8, 8)
    page.add(series("Time to read a page", "What a scrape takes, by collector; the slowest process.", "s", [
        Query(f"max by (collector) (spanq_collector_duration_seconds{{{WHERE}}})", "{{collector}}")], log=True), 8, 8)
    page.add(series("Collectors that worked", "The worst process: 0 where some process could not read this part of its page.",
                    "short", [Query(f"min by (collector) (spanq_collector_success{{{WHERE}}})", "{{collector}}"),
                              Query(f"min(spanq_queue_scrape_success{{{WHERE}}})", "queues in Redis")], high=1), 8, 8)
    page.add(series("Values rejected, series beyond the cap", "In the last five minutes, by family of metrics.", "short", [
        Query(q.recent("spanq_metrics_rejected_total", WHERE, "family") + " > 0", "{{family}}: rejected"),
        Query(q.recent("spanq_metrics_overflow_total", WHERE, "family") + " > 0", "{{family}}: beyond the cap"),
        Query("sum(spanq_collector_success) * 0", "all others")]), 12, 8)
    page.add(table("Versions", "What runs, and on how many processes.", "version,swift", "Version,Swift", [
        Column("Processes", f"count by (version, swift) (spanq_build_info{{{WHERE}}})")]), 12, 8)


def _spans(page: Board) -> None:
    page.row("Do the spans reach the collector?")
    page.add(series("Spans begun", "A second, by what sampling decided.", SPANS_PER_SECOND, [
        Query(q.rate("otel_sdk_span_started_total", WHERE, "otel_span_sampling_result"), "{{otel_span_sampling_result}}")],
        stack=True), 8, 8)
    sent = "otel_sdk_exporter_span_exported_total"
    page.add(series("Spans sent", "A second: those that arrived, and the others by what went wrong.", SPANS_PER_SECOND, [
        Query(q.rate(sent, WHERE + ',error_type=""'), "arrived"),
        Query(q.rate(sent, WHERE + ',error_type!=""', "error_type"), "{{error_type}}")], colors={"arrived": "green"}), 8, 8)
    page.add(shared.spans_lost(WHERE), 8, 8)
    page.add(series("Export queue", "Share of the room for spans that wait for their export. At 100% they are dropped.", "percentunit", [
        Query(f"max by (instance) (otel_sdk_processor_span_queue_size{{{WHERE}}} / otel_sdk_processor_span_queue_capacity)",
              "{{instance}}")], high=1, steps=[(None, "transparent"), (0.8, "red")], link=WORKER_LINK), 12, 8)
    page.add(series("Time of an export", "One batch, its retries included, on average.", "s", [
        Query(q.rate("otel_sdk_exporter_operation_duration_seconds_sum", WHERE, "instance")
              + " / (" + q.rate("otel_sdk_exporter_operation_duration_seconds_count", WHERE, "instance") + " > 0)", "{{instance}}")],
        link=WORKER_LINK), 12, 8)


def _log(page: Board) -> None:
    page.row("Do the lines of the log leave?")
    page.add(series("Log lines dropped", "In the last five minutes, by process: queue_full, what reads standard error takes too little; write_failed, a "
                    "write to it failed, as on a full disk.", "short", [
        Query(q.recent("spanq_log_records_dropped_total", WHERE, "instance, reason"), "{{instance}}: {{reason}}")],
        link=WORKER_LINK), 24, 8)
