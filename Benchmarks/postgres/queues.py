# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The SQL of three queues, driven by one and the same client: ours, and what River and graphile-worker are documented to do.

The tables, indexes and statements of the others are written anew from what their documentation says; their own programs are not here, and can
only add to it. All enqueue durably, and claim and finish without waiting for the disk.
"""

from __future__ import annotations

import json
import uuid
from abc import ABC, abstractmethod

import psycopg
from psycopg.types.numeric import Int4, Int8

PAYLOAD = json.dumps({"moment": 0, "filling": "x" * 175})


class Queue(ABC):
    name: str

    def __init__(self, url: str) -> None:
        self.database = psycopg.connect(url, autocommit=True)
        self.work = psycopg.connect(url, autocommit=True)
        self.work.execute("SET synchronous_commit = off")

    def close(self) -> None:
        self.database.close()
        self.work.close()

    @abstractmethod
    def prepare(self) -> None:
        """Makes empty tables."""

    @abstractmethod
    def enqueue(self, count: int) -> None: ...

    @abstractmethod
    def claim(self, limit: int) -> list: ...

    @abstractmethod
    def finish(self, claimed: list) -> None: ...


class SpanQueue(Queue):
    """Its schema is there: `spanq pg migrate`."""

    name = "SpanQueue's SQL"
    message = bytes([1, 0]) + b"0" + bytes([0, 4]) + b"noop" + bytes([0, 25]) + bytes(range(1, 25)) + bytes([3])
    run = bytes([1, 0, 1, 0]) + b"A" + (60).to_bytes(3, "big") + bytes(47)

    def prepare(self) -> None:
        self.database.execute(
            "TRUNCATE spanq.job, spanq.live, spanq.done, spanq.tally, spanq.lock, spanq.queue, spanq.idle CASCADE")

    def enqueue(self, count: int) -> None:
        ids = [str(uuid.uuid4()) for _ in range(count)]
        self.database.execute(
            """
            SELECT * FROM spanq.enqueue_1('bench', %b, array_fill('noop'::text, ARRAY[%b]), array_fill(0, ARRAY[%b]),
              array_fill(NULL::bigint, ARRAY[%b]), array_fill(NULL::bigint, ARRAY[%b]), array_fill(%b, ARRAY[%b]),
              array_fill(%b, ARRAY[%b]), array_fill(NULL::bytea, ARRAY[%b]), array_fill(NULL::bigint, ARRAY[%b]), 0)
            """,
            [ids, count, count, count, count, self.message, count, PAYLOAD.encode(), count, count, count])

    def claim(self, limit: int) -> list:
        rows = self.work.execute(
            "SELECT head[2], id, message, payload, run FROM spanq.claim_1('bench', %b, 30000, 7, 'bench', 0)", [Int4(limit)],
            binary=True).fetchall()
        return [(row[1], rows[-1][0]) for row in rows[:-1]]

    def finish(self, claimed: list) -> None:
        count = len(claimed)
        self.work.execute(
            """
            SELECT * FROM spanq.settle_1('bench', %b, array_fill(%b, ARRAY[%b]), array_fill(7::bigint, ARRAY[%b]),
              array_fill('bench'::text, ARRAY[%b]), array_fill('C'::text, ARRAY[%b]), array_fill(NULL::bigint, ARRAY[%b]),
              array_fill(%b, ARRAY[%b]), false)
            """,
            [[id for id, _ in claimed], Int8(claimed[0][1]), count, count, count, count, count, self.run, count])


class River(Queue):
    name = "River's SQL"

    def prepare(self) -> None:
        self.database.execute("""
            DROP SCHEMA IF EXISTS river CASCADE;
            CREATE SCHEMA river;
            CREATE TYPE river.state AS ENUM
              ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
            CREATE TABLE river.job (
              id bigserial PRIMARY KEY, state river.state NOT NULL DEFAULT 'available', attempt smallint NOT NULL DEFAULT 0,
              max_attempts smallint NOT NULL DEFAULT 25, attempted_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
              finalized_at timestamptz, scheduled_at timestamptz NOT NULL DEFAULT now(), priority smallint NOT NULL DEFAULT 1,
              args jsonb NOT NULL DEFAULT '{}', attempted_by text[], errors jsonb[], kind text NOT NULL,
              metadata jsonb NOT NULL DEFAULT '{}', queue text NOT NULL DEFAULT 'default', tags varchar(255)[] NOT NULL DEFAULT '{}',
              unique_key bytea, unique_states bit(8));
            CREATE INDEX ON river.job (state, queue, priority, scheduled_at, id);
            CREATE INDEX ON river.job (kind);
            CREATE INDEX ON river.job (state, finalized_at) WHERE finalized_at IS NOT NULL;
            CREATE INDEX ON river.job USING gin (args);
            CREATE INDEX ON river.job USING gin (metadata);
            CREATE UNIQUE INDEX ON river.job (unique_key) WHERE unique_key IS NOT NULL;
            """)

    def enqueue(self, count: int) -> None:
        self.database.execute(
            "INSERT INTO river.job (kind, args) SELECT * FROM unnest(%s::text[], %s::jsonb[])",
            [["noop"] * count, [PAYLOAD] * count])

    def claim(self, limit: int) -> list:
        rows = self.work.execute(
            """
            WITH locked AS (
              SELECT id FROM river.job WHERE state = 'available' AND queue = 'default' AND scheduled_at <= now()
              ORDER BY priority, scheduled_at, id LIMIT %b FOR UPDATE SKIP LOCKED)
            UPDATE river.job SET state = 'running', attempt = job.attempt + 1, attempted_at = now(),
              attempted_by = array_append(job.attempted_by, 'bench')
            FROM locked WHERE job.id = locked.id RETURNING job.*
            """, [limit], binary=True).fetchall()
        return [row[0] for row in rows]

    def finish(self, claimed: list) -> None:
        self.work.execute(
            """
            UPDATE river.job SET state = 'completed', finalized_at = now() FROM unnest(%b::bigint[]) AS ended (id)
            WHERE job.id = ended.id AND job.state = 'running'
            """, [[Int8(id) for id in claimed]])


class Graphile(Queue):
    name = "graphile-worker's SQL"

    def prepare(self) -> None:
        self.database.execute("""
            DROP SCHEMA IF EXISTS graphile CASCADE;
            CREATE SCHEMA graphile;
            CREATE TABLE graphile.job (
              id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, queue_id int, task_id int NOT NULL, payload json NOT NULL,
              priority smallint NOT NULL DEFAULT 0, run_at timestamptz NOT NULL DEFAULT now(), attempts smallint NOT NULL DEFAULT 0,
              max_attempts smallint NOT NULL DEFAULT 25, last_error text, created_at timestamptz NOT NULL DEFAULT now(),
              updated_at timestamptz NOT NULL DEFAULT now(), key text UNIQUE, locked_at timestamptz, locked_by text,
              revision int NOT NULL DEFAULT 0, flags jsonb,
              is_available boolean NOT NULL GENERATED ALWAYS AS (locked_at IS NULL AND attempts < max_attempts) STORED);
            CREATE INDEX ON graphile.job (priority, run_at) INCLUDE (id, task_id, queue_id) WHERE is_available;
            CREATE INDEX ON graphile.job (queue_id, priority, run_at) INCLUDE (id, task_id) WHERE is_available;
            """)

    def enqueue(self, count: int) -> None:
        self.database.execute(
            "INSERT INTO graphile.job (task_id, payload) SELECT * FROM unnest(%s::int[], %s::json[])",
            [[1] * count, [PAYLOAD] * count])

    def claim(self, limit: int) -> list:
        rows = self.work.execute(
            """
            WITH chosen AS (
              SELECT id FROM graphile.job WHERE is_available AND run_at <= now() AND task_id = ANY ('{1}')
              ORDER BY priority, run_at LIMIT %b FOR UPDATE SKIP LOCKED)
            UPDATE graphile.job SET attempts = attempts + 1, locked_by = 'bench', locked_at = now()
            FROM chosen WHERE job.id = chosen.id RETURNING job.id, task_id, payload, priority, run_at, attempts, max_attempts, key
            """, [limit], binary=True).fetchall()
        return [row[0] for row in rows]

    def finish(self, claimed: list) -> None:
        self.work.execute(
            "DELETE FROM graphile.job USING unnest(%b::bigint[]) AS ended (id) WHERE job.id = ended.id",
            [[Int8(id) for id in claimed]])
