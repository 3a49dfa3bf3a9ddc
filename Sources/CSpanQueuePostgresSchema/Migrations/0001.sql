-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- The tables and functions of SpanQueue. Three nouns: a `job` is what was asked, `live` is where it stands, `done` is how it ended. A job
-- has one row in `job`, and exactly one in `live` or `done`.
--
-- Another name for the schema is put in place of every `spanq.` here.
--
-- Functions that move jobs say how they are planned, since tables without statistics, or with old ones, would have them read whole
-- tables: by index, and without the compiler, which such plans look expensive enough for. Where jobs are looked up by their ids, each is
-- by a subquery of its own: on a table that looks small, a join reads all jobs of the queue for each id.

CREATE SCHEMA IF NOT EXISTS spanq;

CREATE TABLE spanq.version (
  number int PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Never written where jobs are moved.
CREATE TABLE spanq.queue (
  nr int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  pause_at bigint,
  pause_note text,
  pause_by text,
  uses int NOT NULL DEFAULT 0,
  door text
);

-- Numbers of jobs, places in line, and the order of ends: all rise.
CREATE SEQUENCE spanq.place;

-- Rows are inserted and deleted, never updated. `message` is the packed message without its first 13 bytes and its payload.
CREATE TABLE spanq.job (
  nr bigint PRIMARY KEY,
  queue int NOT NULL,
  id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  priority smallint NOT NULL,
  enqueued_at bigint NOT NULL,
  message bytea NOT NULL,
  payload bytea NOT NULL,
  UNIQUE (queue, id)
) WITH (vacuum_truncate = off);
ALTER TABLE spanq.job ALTER COLUMN payload SET STORAGE EXTERNAL;

-- state: s scheduled, r ready, a active, t retrying. score: the due ms; the place in line; the lease's end in ms; the due ms.
-- One index serves them all; its last column orders what shares a ms. `nonce` outlives the claim, so that the history can be told from it; `cancel` is a note of who asked for a
-- cancel: 13 digits, reason, and behind a NUL who.
CREATE TABLE spanq.live (
  nr bigint PRIMARY KEY,
  queue int NOT NULL,
  state "char" NOT NULL CHECK (state IN ('s', 'r', 'a', 't')),
  score bigint NOT NULL,
  token bigint,
  nonce bigint,
  worker text,
  cancel bytea,
  last_token bigint NOT NULL DEFAULT 0,
  run bytea,
  CHECK ((state = 'a') = (token IS NOT NULL))
) WITH (
  fillfactor = 70, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX live_place ON spanq.live (queue, state, score, nr);

-- state: c completed, k completed and kept for a time of its own, d dead, x cancelled. score: the order of the ends; for k the ms until
-- which it is kept.
CREATE TABLE spanq.done (
  nr bigint PRIMARY KEY,
  queue int NOT NULL,
  state "char" NOT NULL CHECK (state IN ('c', 'k', 'd', 'x')),
  score bigint NOT NULL,
  ended_at bigint NOT NULL,
  last_token bigint NOT NULL,
  nonce bigint,
  run bytea NOT NULL
) WITH (vacuum_truncate = off);
CREATE INDEX done_place ON spanq.done (queue, state, score, nr);

-- Unique locks. One without an end is worth as much as its job.
CREATE TABLE spanq.lock (
  queue int NOT NULL,
  digest bytea NOT NULL,
  nr bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  until bigint,
  PRIMARY KEY (queue, digest)
);
CREATE INDEX lock_until ON spanq.lock (queue, until) WHERE until IS NOT NULL;

-- What each call has changed, a row a call: the counts are sums. The sweep folds them. No row is ever updated.
CREATE TABLE spanq.tally (
  queue int NOT NULL,
  s bigint NOT NULL DEFAULT 0, h bigint NOT NULL DEFAULT 0, r bigint NOT NULL DEFAULT 0, a bigint NOT NULL DEFAULT 0,
  t bigint NOT NULL DEFAULT 0, c bigint NOT NULL DEFAULT 0, k bigint NOT NULL DEFAULT 0, d bigint NOT NULL DEFAULT 0,
  x bigint NOT NULL DEFAULT 0,
  enqueued bigint NOT NULL DEFAULT 0, completed bigint NOT NULL DEFAULT 0, dead bigint NOT NULL DEFAULT 0,
  cancelled bigint NOT NULL DEFAULT 0, removed bigint NOT NULL DEFAULT 0
) WITH (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE spanq.worker (
  id text COLLATE "C" PRIMARY KEY,
  host text NOT NULL,
  pid bigint NOT NULL,
  queues text[] NOT NULL,
  concurrency bigint NOT NULL,
  busy bigint NOT NULL,
  started_at bigint NOT NULL,
  version text NOT NULL,
  types text[] NOT NULL,
  until bigint NOT NULL
);

-- Until when somebody may sleep for want of work.
CREATE TABLE spanq.idle (
  queue text COLLATE "C" PRIMARY KEY,
  until bigint NOT NULL
);

-- The time in µs. Tests put another one in its place. Never the start of a transaction, which may be long ago.
CREATE FUNCTION spanq.clock() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- The middle of a priority's line: arrivals count upwards from there, what comes back downwards.
CREATE FUNCTION spanq.line(priority int) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT ((9 - priority)::bigint << 58) + (1::bigint << 57) $$;

-- A moment as records have it.
CREATE FUNCTION spanq.stamp(ms bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT convert_to(lpad(ms::text, 13, '0'), 'UTF8') $$;

-- A record of runs with an entry more: tag, length in three bytes, body.
CREATE FUNCTION spanq.noted(run bytea, tag text, body bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(run, '\x01000000') || convert_to(tag, 'UTF8') || substr(int4send(length(body)), 2) || body $$;

-- Time, reason and, behind a NUL, who: the body of such an entry.
CREATE FUNCTION spanq.note(ms bigint, reason text, by_whom text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT spanq.stamp(ms) || convert_to(reason, 'UTF8') || coalesce('\x00'::bytea || convert_to(by_whom, 'UTF8'), '') $$;

-- The digest of the lock that a job holds until its start or end; null if it has none, or one for a time.
CREATE FUNCTION spanq.lock_of(message bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN get_byte(message, 1) & 5 = 1 THEN substr(message, 4, 16) END $$;

-- The digest of a job's content; null if it has none.
CREATE FUNCTION spanq.content_of(message bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN get_byte(message, 1) & 8 = 8 THEN substr(message, 4 + 16 * (get_byte(message, 1) & 1), 8) END $$;

-- Refuses a call that comes too late: whoever made it has been told that it did nothing.
CREATE FUNCTION spanq.in_time(now_ms bigint, not_after bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF not_after > 0 AND now_ms > not_after THEN
    RAISE EXCEPTION 'the call reached Postgres after its time limit and did nothing' USING ERRCODE = 'SQ001';
  END IF;
END $$;

-- Every move out of `ready` takes this lock of the queue; so no two claims look at the same rows.
CREATE FUNCTION spanq.alone(queue int) RETURNS void LANGUAGE sql AS
$$ SELECT pg_advisory_xact_lock('spanq.live'::regclass::oid::int4, queue) $$;

-- The number of a queue, which begins with its first job. A queue is not deleted while a transaction that has come here is open.
CREATE FUNCTION spanq.queue_for_enqueue(queue_name text) RETURNS int LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_queue record;
BEGIN
  PERFORM pg_advisory_xact_lock_shared('spanq.queue'::regclass::oid::int4, hashtext(queue_name));
  LOOP
    SELECT nr, door INTO v_queue FROM spanq.queue WHERE name = queue_name;
    EXIT WHEN FOUND;
    INSERT INTO spanq.queue (name) VALUES (queue_name) ON CONFLICT (name) DO NOTHING;
  END LOOP;
  IF v_queue.door IS NOT NULL THEN
    RAISE EXCEPTION 'jobs can not be added to the queue in this way: its door is "%"', v_queue.door
      USING ERRCODE = 'SQ003';
  END IF;
  RETURN v_queue.nr;
END $$;

-- The number of a queue whose jobs are to be moved; null where there is none. Refuses one that uses what these functions do not know.
CREATE FUNCTION spanq.queue_to_move(queue_name text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_queue record;
BEGIN
  SELECT nr, uses INTO v_queue FROM spanq.queue WHERE name = queue_name;
  IF v_queue.uses <> 0 THEN
    RAISE EXCEPTION 'the queue uses features that this version of SpanQueue does not know (bits %): upgrade it', v_queue.uses
      USING ERRCODE = 'SQ002';
  END IF;
  RETURN v_queue.nr;
END $$;

-- What is known of a job whose id is taken, in the eyes of one who enqueues it: r the same call again, p the same content, c another.
CREATE FUNCTION spanq.known(
  p_place int, p_queue int, p_id text, p_message bytea, p_payload bytea
) RETURNS TABLE (place int, kind text, id text, state text, due bigint, enqueued_at bigint, message bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT p_place,
    CASE WHEN spanq.content_of(p_message) IS NULL
      THEN CASE WHEN j.message = p_message AND j.payload = p_payload THEN 'r' ELSE 'c' END
      ELSE CASE WHEN spanq.content_of(j.message) = spanq.content_of(p_message) THEN 'p' ELSE 'c' END END,
    j.id, coalesce(l.state, d.state)::text, CASE WHEN l.state IN ('s', 't') THEN l.score END, j.enqueued_at, j.message
  FROM spanq.job j LEFT JOIN spanq.live l ON l.nr = j.nr LEFT JOIN spanq.done d ON d.nr = j.nr
  WHERE j.queue = p_queue AND j.id = p_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'a job of this id has just gone' USING ERRCODE = 'serialization_failure';
  END IF;
END $$;

-- Adds jobs of one queue. The first row has the time, and in `state` 'w' where an idle worker is to be woken; then come rows for those
-- that were not added: r, p, c as above, d another holds the lock. The ids of one call differ. Commits as its session does.
CREATE FUNCTION spanq.enqueue_1(
  p_queue text, p_ids text[], p_types text[], p_priorities int[], p_after bigint[], p_at bigint[], p_messages bytea[],
  p_payloads bytea[], p_locks bytea[], p_lock_for bigint[], p_not_after bigint
) RETURNS TABLE (place int, kind text, id text, state text, due bigint, enqueued_at bigint, message bytea)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := spanq.clock() / 1000;
  v_queue int;
  v_ready int;
  v_scheduled int;
  v_earliest bigint;
  v_nrs bigint[];
  v_fresh int;
  v_old int[];
  v_refused int[] := '{}';
  v_left int[];
  v_wake boolean;
  i int;
BEGIN
  PERFORM spanq.in_time(v_now, p_not_after);
  v_queue := spanq.queue_for_enqueue(p_queue);
  SELECT array_agg(nextval('spanq.place')) INTO v_nrs FROM generate_series(1, cardinality(p_ids));
  -- Whoever brings the same ids, or the same digests, meets them in the same order: by themselves.
  WITH fresh AS (
    INSERT INTO spanq.job (nr, queue, id, type, priority, enqueued_at, message, payload)
    SELECT u.nr, v_queue, u.id, u.type, u.priority, v_now, u.message, u.payload
    FROM unnest(v_nrs, p_ids, p_types, p_priorities, p_messages, p_payloads) AS u (nr, id, type, priority, message, payload)
    ORDER BY u.id COLLATE "C"
    ON CONFLICT (queue, id) DO NOTHING
    RETURNING 1
  )
  SELECT count(*) INTO v_fresh FROM fresh;
  IF v_fresh < cardinality(p_ids) THEN
    SELECT array_agg(u.o::int ORDER BY u.o) INTO v_old
    FROM unnest(v_nrs) WITH ORDINALITY AS u (nr, o)
    WHERE NOT EXISTS (SELECT 1 FROM spanq.job j WHERE j.nr = u.nr);
  END IF;
  v_left := coalesce(v_old, '{}');
  IF EXISTS (SELECT 1 FROM unnest(p_locks) AS lock WHERE lock IS NOT NULL) THEN
    -- Rows that are there are locked by this, others come about as locks that have run out.
    INSERT INTO spanq.lock (queue, digest, nr, id, until)
    SELECT v_queue, digest, 0, '', 0 FROM (
      SELECT DISTINCT u.lock AS digest FROM unnest(p_locks) WITH ORDINALITY AS u (lock, o)
      WHERE u.lock IS NOT NULL AND u.o <> ALL (v_left)) wanted
    ORDER BY digest
    ON CONFLICT (queue, digest) DO UPDATE SET nr = 0 WHERE false;
    -- Of two in one call the first gets it.
    FOR i IN
      SELECT u.o FROM unnest(p_locks) WITH ORDINALITY AS u (lock, o)
      WHERE u.lock IS NOT NULL AND u.o <> ALL (v_left) ORDER BY u.o
    LOOP
      IF NOT spanq.take_lock(v_queue, p_locks[i], v_nrs[i], p_ids[i], v_now + p_lock_for[i], v_now) THEN
        DELETE FROM spanq.job WHERE nr = v_nrs[i];
        v_refused := v_refused || i;
      END IF;
    END LOOP;
    v_left := v_left || v_refused;
  END IF;
  -- No join: with what it knows of arrays, Postgres would make it one of each with each.
  WITH placed AS (
    INSERT INTO spanq.live (nr, queue, state, score)
    SELECT u.nr, v_queue, CASE WHEN u.due IS NULL THEN 'r'::"char" ELSE 's'::"char" END,
      coalesce(u.due, spanq.line(u.priority) + u.nr)
    FROM (
      SELECT a.nr, a.priority, a.o,
        CASE WHEN a.after > 0 THEN v_now + a.after WHEN a.at > v_now THEN a.at END AS due
      FROM unnest(v_nrs, p_priorities, p_after, p_at) WITH ORDINALITY AS a (nr, priority, after, at, o)
    ) u
    WHERE u.o <> ALL (v_left)
    RETURNING state, score
  )
  SELECT count(*) FILTER (WHERE state = 'r'), count(*) FILTER (WHERE state = 's'), min(score) FILTER (WHERE state = 's')
  INTO v_ready, v_scheduled, v_earliest
  FROM placed;
  FOREACH i IN ARRAY coalesce(v_old, '{}') LOOP
    RETURN QUERY SELECT * FROM spanq.known(i, v_queue, p_ids[i], p_messages[i], p_payloads[i]);
  END LOOP;
  FOREACH i IN ARRAY v_refused LOOP
    RETURN QUERY
    SELECT i, 'd', k.id, coalesce(l.state, d.state)::text, CASE WHEN l.state IN ('s', 't') THEN l.score END,
      j.enqueued_at, j.message
    FROM spanq.lock k LEFT JOIN spanq.job j ON j.nr = k.nr LEFT JOIN spanq.live l ON l.nr = k.nr
      LEFT JOIN spanq.done d ON d.nr = k.nr
    WHERE k.queue = v_queue AND k.digest = p_locks[i];
  END LOOP;
  IF v_ready + v_scheduled > 0 THEN
    INSERT INTO spanq.tally (queue, s, r, enqueued) VALUES (v_queue, v_scheduled, v_ready, v_ready + v_scheduled);
  END IF;
  v_wake := v_ready > 0 OR v_earliest <= (
    SELECT score FROM spanq.live WHERE queue = v_queue AND state = 's' ORDER BY queue, state, score LIMIT 1);
  RETURN QUERY SELECT 0, 'n', NULL::text, CASE WHEN v_wake THEN 'w' END, NULL::bigint, v_now, NULL::bytea;
END $$;

-- Takes a lock for a job; false where another holds it.
CREATE FUNCTION spanq.take_lock(
  p_queue int, p_digest bytea, p_nr bigint, p_id text, p_until bigint, p_now bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO spanq.lock AS k (queue, digest, nr, id, until) VALUES (p_queue, p_digest, p_nr, p_id, p_until)
  ON CONFLICT (queue, digest) DO UPDATE SET nr = EXCLUDED.nr, id = EXCLUDED.id, until = EXCLUDED.until
  WHERE k.until <= p_now OR k.id = EXCLUDED.id
    OR k.until IS NULL AND NOT EXISTS (SELECT 1 FROM spanq.job WHERE nr = k.nr);
  RETURN FOUND;
END $$;

-- Releases a lock that a job itself holds until its start or end.
CREATE FUNCTION spanq.release_lock(p_queue int, p_message bytea, p_nr bigint) RETURNS void LANGUAGE sql AS $$
  DELETE FROM spanq.lock
  WHERE queue = p_queue AND digest = spanq.lock_of(p_message) AND nr = p_nr AND until IS NULL
$$;

-- Makes due jobs ready, then gives the first ready jobs to a worker under a lease. The first row has in `head`: now, token, paused,
-- promoted, whether more is ready, the next due time, the next lapse, whether somebody may sleep; then come the jobs in order.
CREATE FUNCTION spanq.claim_1(
  p_queue text, p_limit int, p_lease bigint, p_nonce bigint, p_worker text, p_not_after bigint
) RETURNS TABLE (head bigint[], id text, enqueued_at bigint, message bytea, payload bytea, run bytea)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint;
  v_token bigint;
  v_queue int;
  v_is_paused boolean;
  v_scheduled int := 0;
  v_retrying int := 0;
  v_claimed int := 0;
  v_more boolean := false;
  v_due bigint;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  v_queue := spanq.queue_to_move(p_queue);
  v_now := spanq.clock() / 1000;
  PERFORM spanq.in_time(v_now, p_not_after);
  IF v_queue IS NULL THEN
    RETURN QUERY SELECT ARRAY[v_now, 0, 0, 0, 0, NULL, NULL, 0]::bigint[], NULL::text, NULL::bigint, NULL::bytea, NULL::bytea,
      NULL::bytea;
    RETURN;
  END IF;
  PERFORM spanq.alone(v_queue);
  -- Behind the lock, where it may have waited.
  v_token := spanq.clock();
  v_now := v_token / 1000;
  PERFORM spanq.in_time(v_now, p_not_after);
  SELECT pause_at IS NOT NULL INTO v_is_paused FROM spanq.queue WHERE nr = v_queue;
  IF NOT v_is_paused THEN
    v_scheduled := spanq.promote(v_queue, 's', v_now);
    v_retrying := spanq.promote(v_queue, 't', v_now);
    IF p_limit > 0 THEN
      SELECT greatest(v_token, 1 + max(last_token)) INTO v_token FROM (
        SELECT last_token FROM spanq.live WHERE queue = v_queue AND state = 'r' ORDER BY queue, state, score
        LIMIT p_limit) first;
      RETURN QUERY
      WITH picked AS MATERIALIZED (
        SELECT ctid AS at, score FROM spanq.live WHERE queue = v_queue AND state = 'r' ORDER BY queue, state, score
        LIMIT p_limit
      ), taken AS (
        UPDATE spanq.live SET state = 'a', score = v_now + p_lease, token = v_token, nonce = p_nonce, worker = p_worker,
          last_token = v_token
        FROM picked WHERE live.ctid = picked.at AND live.state = 'r'
        RETURNING live.nr, live.run, picked.score
      ), found AS MATERIALIZED (
        SELECT j.nr, j.id, j.enqueued_at, j.message, j.payload, taken.run, taken.score
        FROM taken JOIN spanq.job j ON j.nr = taken.nr
      ), freed AS (
        DELETE FROM spanq.lock k USING found
        WHERE get_byte(found.message, 1) & 7 = 3 AND k.queue = v_queue AND k.digest = substr(found.message, 4, 16)
          AND k.nr = found.nr AND k.until IS NULL
      )
      SELECT NULL::bigint[], found.id, found.enqueued_at, found.message, found.payload, found.run
      FROM found ORDER BY found.score;
      GET DIAGNOSTICS v_claimed = ROW_COUNT;
    END IF;
    v_more := EXISTS (SELECT 1 FROM spanq.live WHERE queue = v_queue AND state = 'r');
    IF NOT v_more THEN
      v_due := least(spanq.first_score(v_queue, 's'), spanq.first_score(v_queue, 't'));
    END IF;
    IF v_scheduled + v_retrying + v_claimed > 0 THEN
      INSERT INTO spanq.tally (queue, s, t, r, a)
      VALUES (v_queue, -v_scheduled, -v_retrying, v_scheduled + v_retrying - v_claimed, v_claimed);
    END IF;
  END IF;
  RETURN QUERY
  SELECT ARRAY[
      v_now, v_token, v_is_paused::int, v_scheduled + v_retrying, v_more::int, v_due, spanq.first_score(v_queue, 'a'),
      (v_more AND EXISTS (SELECT 1 FROM spanq.idle WHERE queue = p_queue AND until > v_now))::int],
    NULL::text, NULL::bigint, NULL::bytea, NULL::bytea, NULL::bytea;
END $$;

CREATE FUNCTION spanq.first_score(p_queue int, p_state "char") RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT score FROM spanq.live WHERE queue = p_queue AND state = p_state ORDER BY queue, state, score LIMIT 1 $$;

-- Makes ready what is due, in the order of due time: a batch at most. Under the lock of the queue.
CREATE FUNCTION spanq.promote(p_queue int, p_state "char", p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_count int;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT l.nr, spanq.line(j.priority) + nextval('spanq.place') AS place
    FROM (SELECT nr FROM spanq.live WHERE queue = p_queue AND state = p_state AND score <= p_now
          ORDER BY queue, state, score, nr LIMIT 128) l
      JOIN spanq.job j ON j.nr = l.nr
  )
  UPDATE spanq.live SET state = 'r', score = due.place FROM due WHERE live.nr = due.nr AND live.state = p_state;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END $$;

-- Lets leases hold until `p_lease` from now. Gives those that are still held, and whether their cancel was asked for.
CREATE FUNCTION spanq.extend_1(
  p_queue text, p_ids text[], p_tokens bigint[], p_nonces bigint[], p_workers text[], p_lease bigint
) RETURNS TABLE (place int, cancelling boolean)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_until bigint := spanq.clock() / 1000 + p_lease;
  v_queue int;
  v_asked record;
  v_cancelling boolean;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue;
  -- Row by row: on a table that looks small, a join would read all that is active for each of them.
  FOR v_asked IN
    SELECT u.o::int AS o, j.nr, u.token, u.nonce, u.worker
    FROM unnest(p_ids, p_tokens, p_nonces, p_workers) WITH ORDINALITY AS u (id, token, nonce, worker, o)
      CROSS JOIN LATERAL (SELECT nr FROM spanq.job WHERE queue = v_queue AND id = u.id LIMIT 1) j
    ORDER BY j.nr
  LOOP
    UPDATE spanq.live SET score = v_until
    WHERE nr = v_asked.nr AND state = 'a' AND token = v_asked.token AND nonce = v_asked.nonce AND worker = v_asked.worker
    RETURNING cancel IS NOT NULL INTO v_cancelling;
    IF FOUND THEN RETURN QUERY SELECT v_asked.o, v_cancelling; END IF;
  END LOOP;
END $$;

-- Stores what a running attempt reports; false where its lease is lost.
CREATE FUNCTION spanq.report_1(
  p_queue text, p_id text, p_token bigint, p_nonce bigint, p_worker text, p_run bytea
) RETURNS boolean
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  UPDATE spanq.live SET run = p_run
  WHERE nr = (SELECT j.nr FROM spanq.job j JOIN spanq.queue q ON q.nr = j.queue WHERE q.name = p_queue AND j.id = p_id)
    AND state = 'a' AND token = p_token AND nonce = p_nonce AND worker = p_worker;
  RETURN FOUND;
END $$;

-- Ends attempts of one queue. Verdicts: C complete, nothing else to do; c complete, b bury, x cancel, t retry, r release, p put off: the
-- run stays as it is. The parameter: for c how long it is kept (ms), null as usual, 0 not at all; for t and p the delay (ms).
-- Runs come without the moment of the attempt's end, which is written here. Gives the time, the places of those that were lost, and
-- whether an idle worker is to be woken. Where `p_durable` is false a commit does not wait for the disk.
CREATE FUNCTION spanq.settle_1(
  p_queue text, p_ids text[], p_tokens bigint[], p_nonces bigint[], p_workers text[], p_verdicts text[],
  p_parameters bigint[], p_runs bytea[], p_durable boolean
) RETURNS TABLE (now_ms bigint, lost int[], wake boolean)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := spanq.clock() / 1000;
  v_stamp bytea := spanq.stamp(spanq.clock() / 1000);
  v_queue int;
  v_settled int[];
  v_lost int[] := '{}';
  v_job record;
  v_live record;
  v_verdict text;
  v_run bytea;
  v_places bigint[];
  v_wake boolean := false;
  n_a int := 0; n_c int := 0; n_k int := 0; n_d int := 0; n_x int := 0; n_t int := 0; n_r int := 0; n_gone int := 0;
  i int;
BEGIN
  v_stamp := spanq.stamp(v_now);
  IF NOT p_durable THEN PERFORM set_config('synchronous_commit', 'off', true); END IF;
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue;
  WITH gone AS (
    DELETE FROM spanq.live l USING (
      SELECT u.o::int AS o, j.nr, u.token, u.nonce, u.worker, u.run
      FROM unnest(p_ids, p_tokens, p_nonces, p_workers, p_verdicts, p_runs)
        WITH ORDINALITY AS u (id, token, nonce, worker, verdict, run, o)
        CROSS JOIN LATERAL (SELECT nr FROM spanq.job WHERE queue = v_queue AND id = u.id LIMIT 1) j
      WHERE u.verdict = 'C'
    ) asked
    WHERE l.nr = asked.nr AND l.state = 'a' AND l.token = asked.token AND l.nonce = asked.nonce AND l.worker = asked.worker
    RETURNING l.nr, asked.o, asked.run, l.token, l.nonce
  ), ended AS (
    INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, nonce, run)
    SELECT nr, v_queue, 'c', nextval('spanq.place'), v_now, token, nonce, run || v_stamp FROM (SELECT * FROM gone ORDER BY o) g
  )
  SELECT array_agg(o) INTO v_settled FROM gone;
  n_c := coalesce(cardinality(v_settled), 0);
  n_a := n_c;
  IF n_c < cardinality(p_ids) THEN
    -- What is released together keeps its order: the first of them gets the place in front.
    SELECT array_agg(v ORDER BY v DESC) INTO v_places
    FROM (SELECT nextval('spanq.place') AS v FROM generate_series(1, cardinality(p_ids))) drawn;
    FOR i IN 1..cardinality(p_ids) LOOP
      CONTINUE WHEN i = ANY (v_settled);
      SELECT j.nr, j.priority, j.message INTO v_job FROM spanq.job j WHERE j.queue = v_queue AND j.id = p_ids[i];
      IF NOT FOUND THEN
        v_lost := v_lost || i;
        CONTINUE;
      END IF;
      SELECT l.cancel, l.token, l.run INTO v_live FROM spanq.live l
      WHERE l.nr = v_job.nr AND l.state = 'a' AND l.token = p_tokens[i] AND l.nonce = p_nonces[i]
        AND l.worker = p_workers[i]
      FOR UPDATE;
      IF NOT FOUND THEN
        -- One that comes again finds its own run stored, and is answered as it was the first time; so is a completion where the same
        -- claim has completed the job.
        IF NOT EXISTS (
          SELECT 1 FROM spanq.live l WHERE l.nr = v_job.nr AND substr(l.run, 1, length(p_runs[i])) = p_runs[i]
            AND length(l.run) >= length(p_runs[i]) + 13
          UNION ALL
          SELECT 1 FROM spanq.done d WHERE d.nr = v_job.nr AND (
            substr(d.run, 1, length(p_runs[i])) = p_runs[i] AND length(d.run) >= length(p_runs[i]) + 13
            OR lower(p_verdicts[i]) = 'c' AND d.state IN ('c', 'k') AND d.last_token = p_tokens[i] AND d.nonce = p_nonces[i])
        ) THEN v_lost := v_lost || i; END IF;
        CONTINUE;
      END IF;
      v_verdict := lower(p_verdicts[i]);
      v_run := CASE WHEN v_verdict = 'p' THEN v_live.run ELSE p_runs[i] || v_stamp END;
      IF v_live.cancel IS NOT NULL AND v_verdict IN ('t', 'r', 'x') THEN
        -- Asked for while it ran: the job is cancelled, for the reason that was given, instead of going on.
        v_verdict := 'x';
        v_run := spanq.noted(v_run, 'C', v_live.cancel);
      END IF;
      n_a := n_a + 1;
      IF v_verdict IN ('t', 'p') THEN
        n_t := n_t + 1;
        UPDATE spanq.live SET state = 't', score = v_now + p_parameters[i], token = NULL, worker = NULL, cancel = NULL,
          run = v_run
        WHERE nr = v_job.nr;
        v_wake := v_wake OR v_now + p_parameters[i] <= spanq.first_score(v_queue, 't');
      ELSIF v_verdict = 'r' THEN
        n_r := n_r + 1;
        v_wake := true;
        UPDATE spanq.live SET state = 'r', score = spanq.line(v_job.priority) - v_places[i], token = NULL, worker = NULL,
          cancel = NULL, run = v_run
        WHERE nr = v_job.nr;
      ELSE
        DELETE FROM spanq.live WHERE nr = v_job.nr;
        IF v_verdict = 'c' AND p_parameters[i] = 0 THEN
          n_gone := n_gone + 1;
          DELETE FROM spanq.job WHERE nr = v_job.nr;
        ELSE
          INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, nonce, run)
          SELECT v_job.nr, v_queue,
            CASE WHEN v_verdict = 'c' THEN CASE WHEN p_parameters[i] IS NULL THEN 'c' ELSE 'k' END
              WHEN v_verdict = 'b' THEN 'd' ELSE 'x' END::"char",
            CASE WHEN v_verdict = 'c' AND p_parameters[i] > 0 THEN v_now + p_parameters[i] ELSE nextval('spanq.place') END,
            v_now, v_live.token, p_nonces[i], v_run;
          CASE v_verdict
            WHEN 'b' THEN n_d := n_d + 1;
            WHEN 'x' THEN n_x := n_x + 1;
            ELSE IF p_parameters[i] IS NULL THEN n_c := n_c + 1; ELSE n_k := n_k + 1; END IF;
          END CASE;
        END IF;
        PERFORM spanq.release_lock(v_queue, v_job.message, v_job.nr);
      END IF;
    END LOOP;
  END IF;
  IF n_a > 0 THEN
    INSERT INTO spanq.tally (queue, a, t, r, c, k, d, x, completed, dead, cancelled, removed)
    VALUES (v_queue, -n_a, n_t, n_r, n_c, n_k, n_d, n_x, n_c + n_k + n_gone, n_d, n_x, n_gone);
  END IF;
  RETURN QUERY SELECT v_now, v_lost, v_wake;
END $$;

-- Takes back jobs whose lease has run out: to the head of their priority, or out of the way where they were taken back too often (fate d)
-- or were to be cancelled (fate c). The first row has the time in `token`.
CREATE FUNCTION spanq.reclaim_1(p_queue text, p_limit int, p_max int, p_not_after bigint)
RETURNS TABLE (
  id text, fate text, token bigint, nonce bigint, worker text, enqueued_at bigint, message bytea, payload bytea, run bytea)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint;
  v_queue int;
  v_row record;
  v_fate text;
  v_run bytea;
  v_reclaims int;
  n int := 0; n_d int := 0; n_x int := 0;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  v_queue := spanq.queue_to_move(p_queue);
  v_now := spanq.clock() / 1000;
  PERFORM spanq.in_time(v_now, p_not_after);
  RETURN QUERY SELECT NULL::text, 'n', v_now, NULL::bigint, NULL::text, NULL::bigint, NULL::bytea, NULL::bytea, NULL::bytea;
  -- From the latest lapse to the earliest, so that the earliest ends up in front.
  FOR v_row IN
    SELECT l.nr, l.token, l.nonce, l.worker, l.cancel, l.run, j.id, j.priority, j.enqueued_at, j.message, j.payload
    FROM (SELECT * FROM spanq.live WHERE queue = v_queue AND state = 'a' AND score <= v_now ORDER BY queue, state, score
          LIMIT p_limit FOR UPDATE SKIP LOCKED) l
      JOIN spanq.job j ON j.nr = l.nr
    ORDER BY l.score DESC, l.nr DESC
  LOOP
    n := n + 1;
    v_run := coalesce(v_row.run, '\x01000000');
    v_reclaims := least(get_byte(v_run, 3) + 1, 255);
    v_fate := CASE WHEN v_row.cancel IS NOT NULL THEN 'c' WHEN v_reclaims >= p_max THEN 'd' ELSE 'r' END;
    v_run := spanq.noted(
      set_byte(v_run, 3, v_reclaims), 'L',
      convert_to(v_fate, 'UTF8') || spanq.stamp(v_now)
        || convert_to(v_row.token || '-' || to_hex(v_row.nonce) || ':' || v_row.worker, 'UTF8'));
    IF v_fate = 'r' THEN
      UPDATE spanq.live SET state = 'r', score = spanq.line(v_row.priority) - nextval('spanq.place'), token = NULL,
        worker = NULL, run = v_run
      WHERE nr = v_row.nr;
    ELSE
      IF v_fate = 'c' THEN
        n_x := n_x + 1;
        v_run := spanq.noted(v_run, 'C', v_row.cancel);
      ELSE
        n_d := n_d + 1;
      END IF;
      DELETE FROM spanq.live WHERE nr = v_row.nr;
      INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, nonce, run)
      VALUES (v_row.nr, v_queue, CASE v_fate WHEN 'c' THEN 'x' ELSE 'd' END::"char", nextval('spanq.place'), v_now,
        v_row.token, v_row.nonce, v_run);
      PERFORM spanq.release_lock(v_queue, v_row.message, v_row.nr);
    END IF;
    RETURN QUERY SELECT v_row.id, v_fate, v_row.token, v_row.nonce, v_row.worker, v_row.enqueued_at, v_row.message,
      v_row.payload, v_run;
  END LOOP;
  IF n > 0 THEN
    INSERT INTO spanq.tally (queue, a, r, d, x, dead, cancelled) VALUES (v_queue, -n, n - n_d - n_x, n_d, n_x, n_d, n_x);
  END IF;
END $$;

-- Drops finished jobs whose retention is over and locks that have run out: at most `p_step` of a kind. Gives how many, and whether there
-- may be more. Folds the tally.
CREATE FUNCTION spanq.sweep_1(p_queue text, p_keep bigint, p_keep_count bigint, p_keep_dead bigint, p_step int)
RETURNS TABLE (dropped int, is_full boolean)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := spanq.clock() / 1000;
  v_queue int;
  v_over bigint;
  v_c bigint[]; v_k bigint[]; v_d bigint[]; v_x bigint[];
  v_gone bigint[];
  v_locks int;
  v_rows bigint;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue;
  IF v_queue IS NULL THEN
    RETURN QUERY SELECT 0, false;
    RETURN;
  END IF;
  -- One sweep of a queue at a time: another one has nothing to do.
  IF NOT pg_try_advisory_xact_lock('spanq.done'::regclass::oid::int4, v_queue) THEN
    RETURN QUERY SELECT 0, false;
    RETURN;
  END IF;
  SELECT sum(c) - p_keep_count, count(*) INTO v_over, v_rows FROM spanq.tally WHERE queue = v_queue;
  SELECT array_agg(nr) INTO v_c FROM (
    SELECT nr, ended_at, row_number() OVER (ORDER BY queue, state, score) AS n FROM spanq.done
    WHERE queue = v_queue AND state = 'c' ORDER BY queue, state, score LIMIT p_step) first
  WHERE n <= v_over OR ended_at <= v_now - p_keep;
  SELECT array_agg(nr) INTO v_k FROM (
    SELECT nr FROM spanq.done WHERE queue = v_queue AND state = 'k' AND score <= v_now ORDER BY queue, state, score
    LIMIT p_step) first;
  SELECT array_agg(nr) INTO v_x FROM (
    SELECT nr, ended_at FROM spanq.done WHERE queue = v_queue AND state = 'x' ORDER BY queue, state, score LIMIT p_step) first
  WHERE ended_at <= v_now - p_keep;
  IF p_keep_dead > 0 THEN
    SELECT array_agg(nr) INTO v_d FROM (
      SELECT nr, ended_at FROM spanq.done WHERE queue = v_queue AND state = 'd' ORDER BY queue, state, score LIMIT p_step) first
    WHERE ended_at <= v_now - p_keep_dead;
  END IF;
  v_gone := coalesce(v_c, '{}') || coalesce(v_k, '{}') || coalesce(v_x, '{}') || coalesce(v_d, '{}');
  IF cardinality(v_gone) > 0 THEN
    -- What a person has moved meanwhile is no longer there, and stays.
    WITH ended AS (DELETE FROM spanq.done WHERE nr = ANY (v_gone) RETURNING nr, state),
      gone AS (DELETE FROM spanq.job USING ended WHERE job.nr = ended.nr)
    INSERT INTO spanq.tally (queue, c, k, d, x, removed)
    SELECT v_queue, -count(*) FILTER (WHERE state = 'c'), -count(*) FILTER (WHERE state = 'k'),
      -count(*) FILTER (WHERE state = 'd'), -count(*) FILTER (WHERE state = 'x'), count(*)
    FROM ended;
  END IF;
  DELETE FROM spanq.lock WHERE queue = v_queue AND digest = ANY (ARRAY(
    SELECT digest FROM spanq.lock WHERE queue = v_queue AND until <= v_now ORDER BY queue, until LIMIT p_step))
    AND until <= v_now;
  GET DIAGNOSTICS v_locks = ROW_COUNT;
  IF v_rows > 64 THEN
    WITH folded AS (DELETE FROM spanq.tally WHERE queue = v_queue RETURNING *)
    INSERT INTO spanq.tally (queue, s, h, r, a, t, c, k, d, x, enqueued, completed, dead, cancelled, removed)
    SELECT v_queue, sum(s), sum(h), sum(r), sum(a), sum(t), sum(c), sum(k), sum(d), sum(x), sum(enqueued), sum(completed),
      sum(dead), sum(cancelled), sum(removed)
    FROM folded HAVING count(*) > 0;
  END IF;
  RETURN QUERY SELECT cardinality(v_gone) + v_locks,
    p_step IN (
      coalesce(cardinality(v_c), 0), coalesce(cardinality(v_k), 0), coalesce(cardinality(v_x), 0), coalesce(cardinality(v_d), 0), v_locks);
END $$;

-- Does to one job what a person asked for: c cancel, b bury, v redrive, r remove. Outcome: d done, q requested, n not found, i its state
-- does not allow it, u another job holds its lock. `state` is where the job stands now; `owner` who holds the lock.
CREATE FUNCTION spanq.act_1(p_queue text, p_action text, p_id text, p_reason text, p_by text)
RETURNS TABLE (outcome text, state text, owner text, wake boolean)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_queue int := spanq.queue_to_move(p_queue);
BEGIN
  IF v_queue IS NULL THEN
    RETURN QUERY SELECT 'n', NULL::text, NULL::text, false;
    RETURN;
  END IF;
  PERFORM spanq.alone(v_queue);
  RETURN QUERY SELECT * FROM spanq.act_on(v_queue, p_action, p_id, p_reason, p_by, spanq.clock() / 1000);
END $$;

-- The same under the lock of the queue.
CREATE FUNCTION spanq.act_on(p_queue int, p_action text, p_id text, p_reason text, p_by text, p_now bigint)
RETURNS TABLE (outcome text, state text, owner text, wake boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_job record;
  v_state text;
  v_is_live boolean;
  v_run bytea;
  v_last_token bigint;
  v_nonce bigint;
  v_digest bytea;
  v_owner text;
  v_to text;
  v_from text;
BEGIN
  SELECT j.nr, j.id, j.priority, j.message INTO v_job FROM spanq.job j WHERE j.queue = p_queue AND j.id = p_id;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'n', NULL::text, NULL::text, false;
    RETURN;
  END IF;
  -- An attempt may be ending at this moment.
  SELECT l.state::text, l.run, l.last_token, l.nonce INTO v_state, v_run, v_last_token, v_nonce
  FROM spanq.live l WHERE l.nr = v_job.nr FOR UPDATE;
  v_is_live := FOUND;
  IF NOT FOUND THEN
    SELECT d.state::text, d.run, d.last_token, d.nonce INTO v_state, v_run, v_last_token, v_nonce
    FROM spanq.done d WHERE d.nr = v_job.nr FOR UPDATE;
    IF NOT FOUND THEN
      RETURN QUERY SELECT 'n', NULL::text, NULL::text, false;
      RETURN;
    END IF;
  END IF;
  v_from := v_state;
  IF p_action = 'r' THEN
    IF v_state = 'a' THEN
      RETURN QUERY SELECT 'i', v_state, NULL::text, false;
      RETURN;
    END IF;
    DELETE FROM spanq.live WHERE nr = v_job.nr;
    DELETE FROM spanq.done WHERE nr = v_job.nr;
    DELETE FROM spanq.job WHERE nr = v_job.nr;
    PERFORM spanq.release_lock(p_queue, v_job.message, v_job.nr);
    PERFORM spanq.count_move(p_queue, v_from, NULL);
    RETURN QUERY SELECT 'd', NULL::text, NULL::text, false;
    RETURN;
  END IF;
  IF p_action = 'c' AND v_state = 'a' THEN
    UPDATE spanq.live SET cancel = spanq.note(p_now, p_reason, p_by) WHERE nr = v_job.nr;
    RETURN QUERY SELECT 'q', v_state, NULL::text, false;
    RETURN;
  END IF;
  v_to := CASE p_action WHEN 'c' THEN 'x' WHEN 'b' THEN 'd' ELSE 'r' END;
  IF v_state = v_to THEN
    RETURN QUERY SELECT 'd', v_state, NULL::text, false;
    RETURN;
  END IF;
  IF p_action = 'v' THEN
    IF v_state NOT IN ('s', 't', 'd') THEN
      RETURN QUERY SELECT 'i', v_state, NULL::text, false;
      RETURN;
    END IF;
    IF v_state = 'd' THEN
      v_digest := spanq.lock_of(v_job.message);
      IF v_digest IS NOT NULL AND NOT spanq.take_lock(p_queue, v_digest, v_job.nr, v_job.id, NULL, p_now) THEN
        SELECT k.id INTO v_owner FROM spanq.lock k WHERE k.queue = p_queue AND k.digest = v_digest;
        RETURN QUERY SELECT 'u', v_state, v_owner, false;
        RETURN;
      END IF;
      v_run := '\x01000000'::bytea || substr(v_run, 5);
      DELETE FROM spanq.done WHERE nr = v_job.nr;
      INSERT INTO spanq.live (nr, queue, state, score, nonce, last_token, run)
      VALUES (v_job.nr, p_queue, 'r', spanq.line(v_job.priority) + nextval('spanq.place'), v_nonce, v_last_token,
        spanq.noted(v_run, 'V', spanq.note(p_now, '', p_by)));
    ELSE
      UPDATE spanq.live SET state = 'r', score = spanq.line(v_job.priority) + nextval('spanq.place'),
        run = spanq.noted(v_run, 'V', spanq.note(p_now, '', p_by))
      WHERE nr = v_job.nr;
    END IF;
    PERFORM spanq.count_move(p_queue, v_from, 'r');
    RETURN QUERY SELECT 'd', 'r', NULL::text, true;
    RETURN;
  END IF;
  IF NOT v_is_live OR v_state = 'a' THEN
    RETURN QUERY SELECT 'i', v_state, NULL::text, false;
    RETURN;
  END IF;
  DELETE FROM spanq.live WHERE nr = v_job.nr;
  INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, nonce, run)
  VALUES (v_job.nr, p_queue, v_to::"char", nextval('spanq.place'), p_now, v_last_token, v_nonce,
    spanq.noted(v_run, upper(p_action), spanq.note(p_now, p_reason, p_by)));
  PERFORM spanq.release_lock(p_queue, v_job.message, v_job.nr);
  PERFORM spanq.count_move(p_queue, v_from, v_to);
  RETURN QUERY SELECT 'd', v_to, NULL::text, false;
END $$;

-- Notes a move of one job from a state to another, or out of all of them.
CREATE FUNCTION spanq.count_move(p_queue int, p_from text, p_to text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO spanq.tally (queue, s, r, a, t, c, k, d, x, dead, cancelled, removed)
  SELECT p_queue,
    (p_to IS NOT DISTINCT FROM 's')::int - (p_from = 's')::int, (p_to IS NOT DISTINCT FROM 'r')::int - (p_from = 'r')::int,
    (p_to IS NOT DISTINCT FROM 'a')::int - (p_from = 'a')::int, (p_to IS NOT DISTINCT FROM 't')::int - (p_from = 't')::int,
    -(p_from = 'c')::int, -(p_from = 'k')::int,
    (p_to IS NOT DISTINCT FROM 'd')::int - (p_from = 'd')::int, (p_to IS NOT DISTINCT FROM 'x')::int - (p_from = 'x')::int,
    (p_to IS NOT DISTINCT FROM 'd')::int, (p_to IS NOT DISTINCT FROM 'x')::int, (p_to IS NULL)::int
$$;

-- Removes or redrives jobs of one state, oldest first.
CREATE FUNCTION spanq.bulk_1(
  p_queue text, p_states text[], p_action text, p_limit int, p_not_after bigint, p_skip int, p_by text
) RETURNS TABLE (done int, skipped int)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_queue int := spanq.queue_to_move(p_queue);
  v_now bigint := spanq.clock() / 1000;
  v_ids text[];
  v_id text;
  v_outcome text;
  v_done int := 0;
  v_skipped int := 0;
BEGIN
  IF v_queue IS NULL THEN
    RETURN QUERY SELECT 0, 0;
    RETURN;
  END IF;
  PERFORM spanq.alone(v_queue);
  SELECT array_agg(j.id ORDER BY chosen.state DESC, chosen.score, chosen.nr) INTO v_ids
  FROM (
    SELECT nr, state, score FROM (
      SELECT nr, state, score, NULL::bigint AS ended_at FROM spanq.live WHERE queue = v_queue AND state::text = ANY (p_states)
      UNION ALL
      SELECT nr, state, score, ended_at FROM spanq.done WHERE queue = v_queue AND state::text = ANY (p_states)
    ) every
    WHERE p_not_after IS NULL OR ended_at <= p_not_after
    ORDER BY state DESC, score, nr OFFSET p_skip LIMIT p_limit
  ) chosen JOIN spanq.job j ON j.nr = chosen.nr;
  FOREACH v_id IN ARRAY coalesce(v_ids, '{}') LOOP
    SELECT outcome INTO v_outcome FROM spanq.act_on(v_queue, p_action, v_id, '', p_by, v_now);
    IF v_outcome = 'd' THEN v_done := v_done + 1; ELSE v_skipped := v_skipped + 1; END IF;
  END LOOP;
  RETURN QUERY SELECT v_done, v_skipped;
END $$;

-- A job by its id, in one queue or in all.
CREATE FUNCTION spanq.job_1(p_queue text, p_id text)
RETURNS TABLE (
  queue text, nr bigint, id text, state text, score bigint, enqueued_at bigint, message bytea, payload bytea, run bytea, token bigint,
  nonce bigint, worker text, cancel bytea)
LANGUAGE sql STABLE AS $$
  SELECT q.name, j.nr, j.id, coalesce(l.state, d.state)::text, coalesce(l.score, d.score), j.enqueued_at, j.message, j.payload,
    coalesce(l.run, d.run), l.token, l.nonce, l.worker, l.cancel
  FROM spanq.queue q JOIN spanq.job j ON j.queue = q.nr AND j.id = p_id
    LEFT JOIN spanq.live l ON l.nr = j.nr LEFT JOIN spanq.done d ON d.nr = j.nr
  WHERE (p_queue IS NULL OR q.name = p_queue) AND (l.nr IS NOT NULL OR d.nr IS NOT NULL)
  ORDER BY q.name LIMIT 1
$$;

-- Jobs of one state in order, behind a place in it.
CREATE FUNCTION spanq.list_1(
  p_queue text, p_state text, p_after_score bigint, p_after_nr bigint, p_limit int, p_is_reverse boolean
) RETURNS TABLE (
  queue text, nr bigint, id text, state text, score bigint, enqueued_at bigint, message bytea, payload bytea, run bytea, token bigint,
  nonce bigint, worker text, cancel bytea)
LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
  v_queue int;
BEGIN
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue;
  IF p_state IN ('s', 'r', 'a', 't') THEN
    RETURN QUERY
    SELECT p_queue, j.nr, j.id, l.state::text, l.score, j.enqueued_at, j.message, j.payload, l.run, l.token, l.nonce, l.worker,
      l.cancel
    FROM (
      SELECT * FROM spanq.live WHERE queue = v_queue AND state = p_state::"char"
        AND (score, nr) > (coalesce(p_after_score, -9223372036854775808), coalesce(p_after_nr, -1))
        AND score >= coalesce(p_after_score, -9223372036854775808)
      ORDER BY queue, state, score, nr LIMIT p_limit) l
      JOIN spanq.job j ON j.nr = l.nr
    ORDER BY l.score, l.nr;
  ELSIF p_is_reverse THEN
    RETURN QUERY
    SELECT p_queue, j.nr, j.id, d.state::text, d.score, j.enqueued_at, j.message, j.payload, d.run, NULL::bigint, NULL::bigint,
      NULL::text, NULL::bytea
    FROM (
      SELECT * FROM spanq.done WHERE queue = v_queue AND state = p_state::"char"
        AND (score, nr) < (coalesce(p_after_score, 9223372036854775807), coalesce(p_after_nr, 9223372036854775807))
        AND score <= coalesce(p_after_score, 9223372036854775807)
      ORDER BY queue DESC, state DESC, score DESC, nr DESC LIMIT p_limit) d
      JOIN spanq.job j ON j.nr = d.nr
    ORDER BY d.score DESC, d.nr DESC;
  ELSE
    RETURN QUERY
    SELECT p_queue, j.nr, j.id, d.state::text, d.score, j.enqueued_at, j.message, j.payload, d.run, NULL::bigint, NULL::bigint,
      NULL::text, NULL::bytea
    FROM (
      SELECT * FROM spanq.done WHERE queue = v_queue AND state = p_state::"char"
        AND (score, nr) > (coalesce(p_after_score, -9223372036854775808), coalesce(p_after_nr, -1))
        AND score >= coalesce(p_after_score, -9223372036854775808)
      ORDER BY queue, state, score, nr LIMIT p_limit) d
      JOIN spanq.job j ON j.nr = d.nr
    ORDER BY d.score, d.nr;
  END IF;
END $$;

-- Counts of the named queues. The last three columns tell of jobs among which is the one that has been ready, or due, for the longest.
CREATE FUNCTION spanq.counts_1(p_queues text[])
RETURNS TABLE (
  place int, now_ms bigint, is_paused boolean, counts bigint[], enqueued bigint[], messages bytea[], runs bytea[])
LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := spanq.clock() / 1000;
  i int;
  v_queue record;
BEGIN
  FOR i IN 1..cardinality(p_queues) LOOP
    SELECT q.nr, q.pause_at IS NOT NULL AS is_paused INTO v_queue FROM spanq.queue q WHERE q.name = p_queues[i];
    CONTINUE WHEN NOT FOUND;
    RETURN QUERY
    WITH oldest AS (
      SELECT l.nr, l.run FROM (VALUES ('s'::"char"), ('t'::"char")) AS waiting (state), LATERAL (
        SELECT nr, run FROM spanq.live WHERE queue = v_queue.nr AND state = waiting.state AND score <= v_now
        ORDER BY queue, state, score LIMIT 1) l
      UNION ALL
      SELECT l.nr, l.run FROM generate_series(0, 9) AS level, LATERAL (
        SELECT nr, run FROM spanq.live WHERE queue = v_queue.nr AND state = 'r' AND score >= spanq.line(level)
          AND score < spanq.line(level) + (1::bigint << 57)
        ORDER BY queue, state, score LIMIT 1) l
      UNION ALL
      SELECT l.nr, l.run FROM generate_series(0, 9) AS level, LATERAL (
        SELECT nr, run FROM spanq.live WHERE queue = v_queue.nr AND state = 'r' AND score < spanq.line(level)
          AND score >= spanq.line(level) - (1::bigint << 57)
        ORDER BY queue DESC, state DESC, score DESC LIMIT 1) l
    ), told AS (
      SELECT array_agg(j.enqueued_at) AS enqueued, array_agg(j.message) AS messages, array_agg(o.run) AS runs
      FROM oldest o JOIN spanq.job j ON j.nr = o.nr
    ), counted AS (
      SELECT ARRAY[sum(s), sum(h), sum(r), sum(a), sum(t), sum(c) + sum(k), sum(d), sum(x), sum(enqueued), sum(completed),
        sum(dead), sum(cancelled), sum(removed)]::bigint[] AS counts
      FROM spanq.tally WHERE queue = v_queue.nr
    )
    SELECT i, v_now, v_queue.is_paused, counted.counts, told.enqueued, told.messages, told.runs FROM counted, told;
  END LOOP;
END $$;

CREATE FUNCTION spanq.pause_1(p_queue text, p_note text, p_by text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE spanq.queue SET pause_at = spanq.clock() / 1000, pause_note = p_note, pause_by = p_by WHERE name = p_queue;
  RETURN FOUND;
END $$;

CREATE FUNCTION spanq.resume_1(p_queue text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE spanq.queue SET pause_at = NULL, pause_note = NULL, pause_by = NULL WHERE name = p_queue;
  RETURN FOUND;
END $$;

-- Forgets a queue without jobs: d done, n there is none, j it has jobs, u it uses what these functions do not know.
CREATE FUNCTION spanq.delete_1(p_queue text) RETURNS text LANGUAGE plpgsql SET lock_timeout = '4s' AS $$
DECLARE
  v_queue int;
BEGIN
  PERFORM pg_advisory_xact_lock('spanq.queue'::regclass::oid::int4, hashtext(p_queue));
  v_queue := spanq.queue_to_move(p_queue);
  IF v_queue IS NULL THEN RETURN 'n'; END IF;
  IF EXISTS (SELECT 1 FROM spanq.job WHERE queue = v_queue) THEN RETURN 'j'; END IF;
  DELETE FROM spanq.lock WHERE queue = v_queue;
  DELETE FROM spanq.tally WHERE queue = v_queue;
  DELETE FROM spanq.idle WHERE queue = p_queue;
  DELETE FROM spanq.queue WHERE nr = v_queue;
  RETURN 'd';
END $$;

CREATE FUNCTION spanq.announce_1(
  p_id text, p_host text, p_pid bigint, p_queues text[], p_concurrency bigint, p_busy bigint, p_started_at bigint, p_version text,
  p_types text[], p_lifetime bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO spanq.worker AS w (id, host, pid, queues, concurrency, busy, started_at, version, types, until)
  VALUES (p_id, p_host, p_pid, p_queues, p_concurrency, p_busy, p_started_at, p_version, p_types, v_now + p_lifetime)
  ON CONFLICT (id) DO UPDATE SET host = EXCLUDED.host, pid = EXCLUDED.pid, queues = EXCLUDED.queues,
    concurrency = EXCLUDED.concurrency, busy = EXCLUDED.busy, started_at = EXCLUDED.started_at, version = EXCLUDED.version,
    types = EXCLUDED.types, until = EXCLUDED.until;
  -- Those that were killed are forgotten by those that live.
  DELETE FROM spanq.worker WHERE id = ANY (ARRAY(
    SELECT id FROM spanq.worker WHERE until < v_now - 60000 LIMIT 10 FOR UPDATE SKIP LOCKED));
END $$;

CREATE FUNCTION spanq.retire_1(p_id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  DELETE FROM spanq.worker WHERE id = p_id;
END $$;

CREATE FUNCTION spanq.workers_1() RETURNS TABLE (
  id text, host text, pid bigint, queues text[], concurrency bigint, busy bigint, started_at bigint, version text, types text[])
LANGUAGE sql STABLE AS $$
  SELECT id, host, pid, queues, concurrency, busy, started_at, version, types FROM spanq.worker
  WHERE until > spanq.clock() / 1000 ORDER BY id
$$;

-- Says that somebody may sleep for want of work in these queues for the next two seconds.
CREATE FUNCTION spanq.idle_1(p_queues text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO spanq.idle AS i (queue, until)
  SELECT DISTINCT name, v_now + 4000 FROM unnest(p_queues) AS name
  WHERE NOT EXISTS (SELECT 1 FROM spanq.idle k WHERE k.queue = name AND k.until >= v_now + 2500) ORDER BY name
  ON CONFLICT (queue) DO UPDATE SET until = EXCLUDED.until;
END $$;

-- Whether a claim would find something in one of these queues. After idle_1, in a transaction of its own: else what is enqueued between
-- the two is missed.
CREATE FUNCTION spanq.has_work_1(p_queues text[]) RETURNS boolean LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM spanq.queue q
    WHERE q.name = ANY (p_queues) AND q.pause_at IS NULL AND (
      EXISTS (SELECT 1 FROM spanq.live l WHERE l.queue = q.nr AND l.state = 'r')
      OR EXISTS (SELECT 1 FROM spanq.live l WHERE l.queue = q.nr AND l.state = 's' AND l.score <= v_now)
      OR EXISTS (SELECT 1 FROM spanq.live l WHERE l.queue = q.nr AND l.state = 't' AND l.score <= v_now)));
END $$;

-- Wakes who may sleep for want of work in these queues. After the commit of what there is to do, in a transaction of its own: a
-- transaction that notifies holds one lock of the whole database over its commit.
CREATE FUNCTION spanq.wake_1(p_queues text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
  v_queue text;
BEGIN
  FOR v_queue IN SELECT i.queue FROM spanq.idle i WHERE i.queue = ANY (p_queues) AND i.until > v_now LOOP
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_notify('spanq.wake', v_queue);
  END LOOP;
END $$;
