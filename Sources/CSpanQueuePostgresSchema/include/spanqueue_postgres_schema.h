// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_POSTGRES_SCHEMA_H
#define SPANQUEUE_POSTGRES_SCHEMA_H

#include <stddef.h>

/// A migration: SQL text, as it is in `Migrations`.
struct spanqueue_migration {
    int number;
    const unsigned char *text;
    size_t size;
};

/// All of them, in the order in which they are applied.
const struct spanqueue_migration *spanqueue_migrations(size_t *count);

#endif
