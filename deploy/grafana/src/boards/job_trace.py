# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Trace of a job: one job's life, and the traces of a queue that failed or were slow."""

from grafana_foundation_sdk.models.tempo import SearchTableType

from board import Board, pages, queues, text
from traces import found, service_map, waterfall

OURS = 'span.messaging.system = "spanqueue"'
JOB = f'{OURS} && span.messaging.message.id = "$job"'
ATTEMPTS = f'{OURS} && span.messaging.destination.name =~ "${{queue:pipe}}" && span.messaging.operation.name = "process"'
COLUMNS = "select(span.messaging.message.id, span.spanq.job.type, span.spanq.job.attempt, span.error.type)"
ONE_JOB = ("select(span.messaging.operation.name, span.spanq.job.attempt, span.messaging.client.id, span.error.type, "
           "span.spanq.job.reason)")


def board() -> Board:
    page = Board("spanq-job-trace", "Trace of a job", "What happened to this job? Which jobs of a queue failed, or were slow?",
                 [text("job", "Job id"), text("trace", "Trace id"), queues(), text("slow", "Slow from", "1s"), pages()])
    page.row("What happened to this job?")
    page.add(found("Traces of the job", "Put a job's id into the box above. Most jobs have one trace; one that was put off for "
                   "over 15 minutes has one for each attempt. Click a trace's id to draw it.", "{ " + JOB + " }",
                   SearchTableType.TRACES, 20), 10, 8)
    page.add(found("Spans of the job", "Its enqueue, waits, attempts and settlements, each with the worker and the error. Click a span's id to draw its trace. Without "
                   "Tempo: `spanq job trace ID`.", "{ " + JOB + " } | " + ONE_JOB, limit=20), 14, 8)
    page.add(waterfall("The trace", "The trace whose id is in the box above, put there by a click on an id in one of the tables, or "
                       "by hand.", "$trace"), 24, 14)
    page.row("Which jobs of the queue failed, or were slow?")
    page.add(found("Failed attempts", "Attempts that were retried or buried. They are exported even where their trace was not "
                   "sampled.", "{ " + ATTEMPTS + " && status = error } | " + COLUMNS), 12, 10)
    page.add(found("Slow attempts", "Attempts that ran longer than the box above says. Of unsampled traces only those beyond "
                   "SPANQ_SLOW_ATTEMPT are here.", "{ " + ATTEMPTS + " && duration > ${slow} } | " + COLUMNS), 12, 10)
    page.add(found("Lost attempts", "Their worker did not extend the lease: it died or hung. The worker that took the job back "
                   "tells.", "{ " + ATTEMPTS + " && span.spanq.synthetic = true } | " + COLUMNS), 12, 10)
    page.add(service_map("Who enqueues for whom", "Services and the work between them, from the spans of the chosen time."), 12, 10)
    return page
