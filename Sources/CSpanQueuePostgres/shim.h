// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_POSTGRES_SHIM_H
#define SPANQUEUE_POSTGRES_SHIM_H

#include <libpq-fe.h>

/// Keeps notices from standard error, where libpq puts them. The server logs what matters.
static inline void spanqueue_ignore_notice(void *context, const PGresult *result) {
  (void)context;
  (void)result;
}

static inline void spanqueue_ignore_notices(PGconn *connection) {
  PQsetNoticeReceiver(connection, spanqueue_ignore_notice, NULL);
}

static inline const char *spanqueue_sqlstate(const PGresult *result) {
  return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static inline const char *spanqueue_primary_message(const PGresult *result) {
  return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}

#endif
