// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#include "spanqueue_postgres_schema.h"

// Of C23, which clang has in all modes and warns of in older ones.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char migration_1[] = {
#embed "Migrations/0001.sql"
};

static const unsigned char migration_2[] = {
#embed "Migrations/0002.sql"
};

static const unsigned char migration_3[] = {
#embed "Migrations/0003.sql"
};

static const unsigned char migration_4[] = {
#embed "Migrations/0004.sql"
};

static const unsigned char migration_5[] = {
#embed "Migrations/0005.sql"
};

static const unsigned char migration_6[] = {
#embed "Migrations/0006.sql"
};

static const unsigned char migration_7[] = {
#embed "Migrations/0007.sql"
};

static const unsigned char migration_8[] = {
#embed "Migrations/0008.sql"
};

static const unsigned char migration_9[] = {
#embed "Migrations/0009.sql"
};

static const unsigned char migration_10[] = {
#embed "Migrations/0010.sql"
};

static const unsigned char migration_11[] = {
#embed "Migrations/0011.sql"
};

static const unsigned char migration_12[] = {
#embed "Migrations/0012.sql"
};

static const struct spanqueue_migration migrations[] = {
    {1, migration_1, sizeof migration_1},
    {2, migration_2, sizeof migration_2},
    {3, migration_3, sizeof migration_3},
    {4, migration_4, sizeof migration_4},
    {5, migration_5, sizeof migration_5},
    {6, migration_6, sizeof migration_6},
    {7, migration_7, sizeof migration_7},
    {8, migration_8, sizeof migration_8},
    {9, migration_9, sizeof migration_9},
    {10, migration_10, sizeof migration_10},
    {11, migration_11, sizeof migration_11},
    {12, migration_12, sizeof migration_12},
};

const struct spanqueue_migration *spanqueue_migrations(size_t *count) {
    *count = sizeof migrations / sizeof migrations[0];
    return migrations;
}
