// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

// Package spanqueue has producers and workers for SpanQueue, a job queue on Redis or Postgres, by way of its gateway. Jobs, receipts and
// options are the messages of the protocol, package spanqueuev1, whose comments are the reference.
package spanqueue
