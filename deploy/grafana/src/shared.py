# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Expressions and panels that more than one dashboard shows."""

import queries as q
from panels import Column, Query, page_of, series, table, to

UTILISATION = ("clamp_max(sum(rate(spanq_worker_busy_seconds_total[$__rate_interval]))"
               " / (sum(spanq_worker_slots) > 0), 1)")

# Processes that are known to be ours, and do not answer.
DOWN = "count((up == 0) and on (job, instance) last_over_time(spanq_build_info[1d]))"
FAILED = 'error_type!=""'
UNREAD = "count(spanq_queue_scrape_success == 0)"
SPANS_DROPPED = f"ceil({q.recent('otel_sdk_processor_span_processed_total', FAILED)})"
SPANS_UNDELIVERED = f"ceil({q.recent('otel_sdk_exporter_span_exported_total', FAILED)})"
FAULTS = " + ".join(f"({part} or vector(0))" for part in (DOWN, UNREAD, SPANS_DROPPED, SPANS_UNDELIVERED))


def utilisation_by_instance(where: str = "") -> str:
    """Share of its slots that each worker had busy; nothing for processes without slots."""
    selector = "{" + where + "}"
    return (f"clamp_max(sum by (instance) (rate(spanq_worker_busy_seconds_total{selector}[$__rate_interval]))"
            f" / (sum by (instance) (spanq_worker_slots{selector}) > 0), 1)")


def firing() -> object:
    """Alerts that fire; an empty table is good news."""
    return table("Alerts firing", "What Prometheus' rules find wrong now. Empty: nothing.", "alertname,queue,severity",
                 "Alert,Queue,Severity",
                 [Column("For", 'time() - max by (alertname, queue, severity) (ALERTS_FOR_STATE and ignoring (alertstate) '
                         'ALERTS{alertstate="firing"})', "s", decimals=0)],
                 link=[to("spanq-queue", "Open queue", queue="${__data.fields.Queue}"), page_of("/queues/${__data.fields.Queue}")],
                 empty="No alert fires")


def retries_per_success(where: str) -> Query:
    retried = q.recent(q.ATTEMPTS, where + ',outcome="retried"', "job_type")
    completed = q.recent(q.ATTEMPTS, where + ',outcome="completed"', "job_type")
    return Query(f"{retried} / clamp_min({completed}, 1)", "{{job_type}}")


def round_trips() -> object:
    times = "spanq_engine_operation_seconds"
    return series("Engine round trips", "All scripts and commands of all processes. A p50 of tens of milliseconds: Redis, the "
                  "network or a worker's machine is slow.", "s",
                  [Query(q.quantile(part, times), f"p{round(part * 100)}") for part in (0.5, 0.95, 0.99)], log=True,
                  colors={"p50": "green", "p95": "yellow", "p99": "red"}, link=to("spanq-workers", "Open workers"))


def spans_lost(where: str = "") -> object:
    lost = FAILED + ("," + where if where else "")
    known = "sum(otel_sdk_span_started_total) * 0"
    return series("Spans that did not arrive", "In the last five minutes: dropped because the queue was full, and sent without "
                  "success. Not 0: traces have holes.", "short",
                  [Query(f"{q.recent('otel_sdk_processor_span_processed_total', lost)} or {known}", "dropped"),
                   Query(f"{q.recent('otel_sdk_exporter_span_exported_total', lost)} or {known}", "not delivered")],
                  link=to("spanq-telemetry", "Open telemetry health"))
