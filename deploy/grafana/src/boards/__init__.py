# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The dashboards, in the order of docs/dashboards.md; the key is the name of the file."""

from board import Board
from boards import gateways, job_trace, job_types, overview, queue, telemetry, workers

BOARDS: dict[str, Board] = {
    "overview": overview.board(),
    "queue": queue.board(),
    "workers": workers.board(),
    "gateways": gateways.board(),
    "job-types": job_types.board(),
    "job-trace": job_trace.board(),
    "telemetry": telemetry.board(),
}
