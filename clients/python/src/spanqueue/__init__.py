# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Producers and workers for SpanQueue, a job queue on Redis or Postgres, by way of its gateway."""

from spanqueue.aio import AsyncClient
from spanqueue.client import Client
from spanqueue.context import Context
from spanqueue.errors import (
    Bury,
    Cancelled,
    Conflict,
    DecodeError,
    Denied,
    InvalidArgument,
    InvalidState,
    NotFound,
    Overloaded,
    Retry,
    Snooze,
    SpanQueueError,
    Superseded,
    Timeout,
    Unavailable,
)
from spanqueue.gateways import TLS
from spanqueue.jobs import Backoff, JobRecord, JobState, NewJob, Receipt, Unique
from spanqueue.version import VERSION as __version__
from spanqueue.worker import Handler, Worker

__all__ = [
    "TLS",
    "AsyncClient",
    "Backoff",
    "Bury",
    "Cancelled",
    "Client",
    "Conflict",
    "Context",
    "DecodeError",
    "Denied",
    "Handler",
    "InvalidArgument",
    "InvalidState",
    "JobRecord",
    "JobState",
    "NewJob",
    "NotFound",
    "Overloaded",
    "Receipt",
    "Retry",
    "Snooze",
    "SpanQueueError",
    "Superseded",
    "Timeout",
    "Unavailable",
    "Unique",
    "Worker",
    "__version__",
]
