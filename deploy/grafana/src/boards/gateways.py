# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Gateways: are workers of other languages connected, and do their heartbeats and results get through?"""

import queries as q
from board import Board, instances
from panels import WORKER_LINK, Query, series, stat

WHERE = q.INSTANCE
ENDS = WHERE + ',reason!~"ok|superseded"'


def board() -> Board:
    page = Board("spanq-gateways", "Gateways", "Are workers of other languages connected, and do their heartbeats and results get "
                 "through?", [instances()])
    _now(page)
    _streams(page)
    _work(page)
    _calls(page)
    return page


def _now(page: Board) -> None:
    page.add(stat("Streams", "Streams of workers that are open, at all gateways.", q.or_zero(f"sum(spanq_gateway_streams{{{WHERE}}})"),
                  "short", [(None, "orange"), (1, "green")], decimals=0), 4, 4)
    page.add(stat("Credits", "Jobs that workers have asked for and not been sent: handlers that are free.",
                  q.or_zero(f"sum(spanq_gateway_credits{{{WHERE}}})"), "short", [(None, "orange"), (1, "green")], decimals=0), 4, 4)
    page.add(stat("Jobs held", "Jobs that workers of gateways hold.", q.or_zero(f"sum(spanq_gateway_claims{{{WHERE}}})"), "short",
                  [(None, "green")], decimals=0), 4, 4)
    page.add(stat("Results not taken", "Results of jobs that the engine has not taken yet; the most of a gateway.",
                  q.or_zero(f"max(spanq_gateway_unconfirmed_results{{{WHERE}}})"), "short",
                  [(None, "green"), (500, "orange"), (1000, "red")], decimals=0), 4, 4)
    page.add(stat("Heartbeats answered in", "95% of them, in the last five minutes. Leases are lost where it nears their length.",
                  q.or_zero("histogram_quantile(0.95, sum by (le) "
                            f"(rate(spanq_gateway_heartbeat_seconds_bucket{{{WHERE}}}[5m]))) >= 0"), "s",
                  [(None, "green"), (1, "orange"), (2, "red")]), 4, 4)
    page.add(stat("Streams that broke", "In the last five minutes, but for those that gave way to a newer one.",
                  q.or_zero(f"ceil({q.recent('spanq_gateway_stream_ends_total', ENDS)})"), "short",
                  [(None, "green"), (1, "orange"), (10, "red")], decimals=0), 4, 4)


def _streams(page: Board) -> None:
    page.row("Are the workers connected?")
    page.add(series("Streams", "Open now, by gateway. They spread over gateways as connections reach their age.", "short", [
        Query(f"max by (instance) (spanq_gateway_streams{{{WHERE}}})", "{{instance}}")], link=WORKER_LINK), 8, 8)
    page.add(series("Credits and jobs", "What workers have asked for, and what they hold. No credits for long: add workers.", "short", [
        Query(f"sum(spanq_gateway_credits{{{WHERE}}})", "credits"), Query(f"sum(spanq_gateway_claims{{{WHERE}}})", "jobs held")]), 8, 8)
    page.add(series("Streams that ended", "In the last five minutes, by why.", "short", [
        Query(q.recent("spanq_gateway_stream_ends_total", WHERE, "reason") + " > 0", "{{reason}}"),
        Query("sum(spanq_gateway_streams) * 0", "none")]), 8, 8)


def _work(page: Board) -> None:
    page.row("Do jobs, heartbeats and results get through?")
    page.add(series("Jobs sent to workers", "A second, by queue.", "suffix:jobs/s", [
        Query(q.rate("spanq_gateway_jobs_handed_total", WHERE, "queue"), "{{queue}}")], stack=True), 8, 8)
    page.add(series("Results", "A second, by what became of them.", "suffix:results/s", [
        Query(q.rate("spanq_gateway_results_total", WHERE, "outcome"), "{{outcome}}")], stack=True), 8, 8)
    page.add(series("Results not taken", "By the engine, yet: by gateway.", "short", [
        Query(f"max by (instance) (spanq_gateway_unconfirmed_results{{{WHERE}}})", "{{instance}}")], link=WORKER_LINK), 8, 8)
    page.add(series("Time to answer a heartbeat", "Half of them, and 95%.", "s", [
        Query(q.quantile(0.5, "spanq_gateway_heartbeat_seconds", WHERE), "50%"),
        Query(q.quantile(0.95, "spanq_gateway_heartbeat_seconds", WHERE), "95%")], log=True), 12, 8)
    page.add(series("Jobs given back", "In the last five minutes: their stream broke before the worker had them.", "short", [
        Query(q.recent("spanq_gateway_jobs_released_total", WHERE, "instance"), "{{instance}}")], link=WORKER_LINK), 12, 8)


def _calls(page: Board) -> None:
    page.row("Who is at the door?")
    page.add(series("Connections", "Open now, by gateway.", "short", [
        Query(f"max by (instance) (spanq_gateway_connections{{{WHERE}}})", "{{instance}}")], link=WORKER_LINK), 12, 8)
    page.add(series("Refused", "In the last five minutes: calls of which nobody knows who made them, and connections beyond the most.",
                    "short", [
                        Query(q.recent("spanq_gateway_unauthenticated_total", WHERE), "calls without a name"),
                        Query(q.recent("spanq_gateway_connections_refused_total", WHERE), "connections")]), 12, 8)
