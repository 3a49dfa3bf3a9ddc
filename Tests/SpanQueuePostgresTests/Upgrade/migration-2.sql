-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
-- A database of migration 2 with jobs in every state, by pg_dump; OldDatabase.swift says how it was made.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA spanq;
CREATE FUNCTION spanq.act_1(p_queue text, p_action text, p_id text, p_reason text, p_by text) RETURNS TABLE(outcome text, state text, owner text, wake boolean)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '4s'
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
CREATE FUNCTION spanq.act_on(p_queue integer, p_action text, p_id text, p_reason text, p_by text, p_now bigint) RETURNS TABLE(outcome text, state text, owner text, wake boolean)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION spanq.alone(queue integer) RETURNS void
    LANGUAGE sql
    AS $$ SELECT pg_advisory_xact_lock('spanq.live'::regclass::oid::int4, queue) $$;
CREATE FUNCTION spanq.announce_1(p_id text, p_host text, p_pid bigint, p_queues text[], p_concurrency bigint, p_busy bigint, p_started_at bigint, p_version text, p_types text[], p_lifetime bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION spanq.bulk_1(p_queue text, p_states text[], p_action text, p_limit integer, p_not_after bigint, p_skip integer, p_by text) RETURNS TABLE(done integer, skipped integer)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET lock_timeout TO '4s'
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
CREATE FUNCTION spanq.byte(value integer) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT set_byte('\x00', 0, value) $$;
CREATE FUNCTION spanq.cancel(queue text, id text, reason text DEFAULT ''::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
  v_row record;
BEGIN
  PERFORM spanq.check_argument(octet_length(reason) <= 1024, 'reason: use at most 1024 bytes');
  SELECT * INTO v_row FROM spanq.act_1(queue, 'c', id, reason, session_user::text);
  RETURN CASE v_row.outcome WHEN 'q' THEN 'requested' WHEN 'n' THEN 'not_found' ELSE
    CASE v_row.state WHEN 'x' THEN 'cancelled' WHEN 'd' THEN 'dead' ELSE 'completed' END END;
END $$;
CREATE FUNCTION spanq.check_argument(p_is_right boolean, p_text text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF p_is_right IS NOT TRUE THEN RAISE EXCEPTION '%', p_text USING ERRCODE = 'invalid_parameter_value'; END IF;
END $$;
CREATE FUNCTION spanq.claim_1(p_queue text, p_limit integer, p_lease bigint, p_nonce bigint, p_worker text, p_not_after bigint) RETURNS TABLE(head bigint[], id text, enqueued_at bigint, message bytea, payload bytea, run bytea)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '4s'
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
CREATE FUNCTION spanq.clock() RETURNS bigint
    LANGUAGE sql
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;
CREATE FUNCTION spanq.complete(queue text, id text, token bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
  v_job record;
  v_run bytea;
  v_attempts int;
  v_eligible bigint;
BEGIN
  SELECT j.nr, j.queue, j.enqueued_at, l.run, l.nonce, l.worker INTO v_job
  FROM spanq.queue q JOIN spanq.job j ON j.queue = q.nr AND j.id = complete.id JOIN spanq.live l ON l.nr = j.nr
  WHERE q.name = complete.queue AND l.state = 'a' AND l.token = complete.token
  FOR UPDATE OF l;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the claim of job % in queue % is lost: another worker may have it', id, queue USING ERRCODE = 'SQ004';
  END IF;
  v_run := coalesce(v_job.run, '\x01000000');
  v_attempts := get_byte(v_run, 1) * 256 + get_byte(v_run, 2) + 1;
  v_run := set_byte(set_byte(v_run, 1, v_attempts / 256), 2, v_attempts % 256);
  -- An attempt, as the Swift side packs it: number, outcome, token, nonce, eligible and claimed at, no fields, worker.
  PERFORM * FROM spanq.settle_1(
    queue, ARRAY[id], ARRAY[token], ARRAY[v_job.nonce], ARRAY[v_job.worker], ARRAY['c'], ARRAY[spanq.kept_for(v_job.nr)],
    ARRAY[spanq.noted_open(v_run, 'A',
      substr(int4send(v_attempts), 3) || '\x00'::bytea || int8send(token) || substr(int8send(v_job.nonce), 5)
        || int8send(least(v_job.enqueued_at, token / 1000)) || int8send(token / 1000) || '\x00'::bytea
        || spanq.byte(octet_length(v_job.worker)) || convert_to(v_job.worker, 'UTF8'))],
    true);
END $$;
CREATE FUNCTION spanq.content_of(message bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT CASE WHEN get_byte(message, 1) & 8 = 8 THEN substr(message, 4 + 16 * (get_byte(message, 1) & 1), 8) END $$;
CREATE FUNCTION spanq.count_move(p_queue integer, p_from text, p_to text) RETURNS void
    LANGUAGE sql
    AS $$
  INSERT INTO spanq.tally (queue, s, r, a, t, c, k, d, x, dead, cancelled, removed)
  SELECT p_queue,
    (p_to IS NOT DISTINCT FROM 's')::int - (p_from = 's')::int, (p_to IS NOT DISTINCT FROM 'r')::int - (p_from = 'r')::int,
    (p_to IS NOT DISTINCT FROM 'a')::int - (p_from = 'a')::int, (p_to IS NOT DISTINCT FROM 't')::int - (p_from = 't')::int,
    -(p_from = 'c')::int, -(p_from = 'k')::int,
    (p_to IS NOT DISTINCT FROM 'd')::int - (p_from = 'd')::int, (p_to IS NOT DISTINCT FROM 'x')::int - (p_from = 'x')::int,
    (p_to IS NOT DISTINCT FROM 'd')::int, (p_to IS NOT DISTINCT FROM 'x')::int, (p_to IS NULL)::int
$$;
CREATE FUNCTION spanq.counts_1(p_queues text[]) RETURNS TABLE(place integer, now_ms bigint, is_paused boolean, counts bigint[], enqueued bigint[], messages bytea[], runs bytea[])
    LANGUAGE plpgsql STABLE
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
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
CREATE FUNCTION spanq.delete_1(p_queue text) RETURNS text
    LANGUAGE plpgsql
    SET lock_timeout TO '4s'
    AS $$
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
CREATE FUNCTION spanq.enqueue(queue text, type text, payload jsonb, id text DEFAULT NULL::text, priority integer DEFAULT 0, delay interval DEFAULT NULL::interval, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, unique_key text DEFAULT NULL::text, unique_for interval DEFAULT NULL::interval, max_retries integer DEFAULT 25, timeout interval DEFAULT NULL::interval, traceparent text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_variable
DECLARE
  v_payload bytea := convert_to(payload::text, 'UTF8');
  v_id text := coalesce(id, spanq.new_id());
  v_after bigint := spanq.milliseconds(delay);
  v_at bigint := CASE WHEN delay IS NULL THEN spanq.milliseconds(run_at) END;
  v_lock bytea := CASE WHEN unique_key IS NOT NULL THEN substr(sha256(convert_to('k' || unique_key, 'UTF8')), 1, 16) END;
  v_lock_for bigint := CASE WHEN unique_key IS NOT NULL THEN spanq.milliseconds(unique_for) END;
  v_longest constant bigint := 3650 * 86400000::bigint;
  v_row record;
BEGIN
  PERFORM spanq.check_argument(queue ~ '^[A-Za-z0-9_.-]{1,128}$', 'queue: use 1 to 128 characters of A-Z a-z 0-9 _ . -');
  PERFORM spanq.check_argument(type ~ '^[A-Za-z0-9_.:/-]{1,128}$', 'type: use 1 to 128 characters of A-Z a-z 0-9 _ . : / -');
  PERFORM spanq.check_argument(v_id ~ '^[A-Za-z0-9_.:@+=-]{1,128}$', 'id: use 1 to 128 characters of A-Z a-z 0-9 _ . : - @ + =');
  PERFORM spanq.check_argument(octet_length(v_payload) <= 1048576, 'payload: use at most 1 MiB, and store more elsewhere');
  PERFORM spanq.check_argument(priority BETWEEN 0 AND 9, 'priority: use 0 to 9');
  PERFORM spanq.check_argument(max_retries BETWEEN 0 AND 1000, 'max_retries: use 0 to 1000');
  PERFORM spanq.check_argument(delay IS NULL OR run_at IS NULL, 'give delay or run_at, not both');
  PERFORM spanq.check_argument(coalesce(v_after, 0) BETWEEN 0 AND v_longest, 'delay: use 0 to 10 years');
  PERFORM spanq.check_argument(coalesce(v_at, 0) <= spanq.clock() / 1000 + v_longest, 'run_at: use at most 10 years from now');
  PERFORM spanq.check_argument(
    timeout IS NULL OR spanq.milliseconds(timeout) BETWEEN 1 AND v_longest, 'timeout: use 1 ms to 10 years');
  PERFORM spanq.check_argument(
    unique_for IS NULL OR unique_key IS NOT NULL AND v_lock_for BETWEEN 1 AND v_longest,
    'unique_for: use 1 ms to 10 years, with a unique_key');
  PERFORM spanq.check_argument(
    unique_key IS NULL OR octet_length(unique_key) BETWEEN 1 AND 1024, 'unique_key: use 1 to 1024 bytes');
  FOR v_row IN
    SELECT * FROM spanq.enqueue_1(
      queue, ARRAY[v_id], ARRAY[type], ARRAY[priority], ARRAY[v_after], ARRAY[v_at],
      ARRAY[spanq.packed(type, v_payload, priority, max_retries, id IS NOT NULL, v_after, v_at, spanq.milliseconds(deadline),
        spanq.milliseconds(timeout), v_lock, v_lock_for, spanq.trace_of(traceparent))],
      ARRAY[v_payload], ARRAY[v_lock], ARRAY[v_lock_for], 0)
  LOOP
    CASE v_row.kind
      WHEN 'n' THEN
        IF v_row.state = 'w' AND NOT EXISTS (SELECT 1 FROM spanq.told t WHERE t.queue = enqueue.queue) THEN
          INSERT INTO spanq.told VALUES (queue);
        END IF;
      WHEN 'c' THEN
        RAISE EXCEPTION 'the id % is taken by a job with other content', v_id USING ERRCODE = 'unique_violation';
      ELSE v_id := v_row.id;
    END CASE;
  END LOOP;
  RETURN v_id;
END $_$;
CREATE FUNCTION spanq.enqueue_1(p_queue text, p_ids text[], p_types text[], p_priorities integer[], p_after bigint[], p_at bigint[], p_messages bytea[], p_payloads bytea[], p_locks bytea[], p_lock_for bigint[], p_not_after bigint) RETURNS TABLE(place integer, kind text, id text, state text, due bigint, enqueued_at bigint, message bytea)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '4s'
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
CREATE FUNCTION spanq.enqueue_many(queue text, types text[], payloads jsonb[], priority integer DEFAULT 0, max_retries integer DEFAULT 25, traceparent text DEFAULT NULL::text) RETURNS text[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_variable
DECLARE
  v_payloads bytea[];
  v_ids text[];
  v_messages bytea[];
  v_count int := cardinality(types);
  v_wakes boolean;
BEGIN
  PERFORM spanq.check_argument(queue ~ '^[A-Za-z0-9_.-]{1,128}$', 'queue: use 1 to 128 characters of A-Z a-z 0-9 _ . -');
  PERFORM spanq.check_argument(v_count = cardinality(payloads), 'give as many payloads as types');
  PERFORM spanq.check_argument(v_count <= 10000, 'give at most 10000 jobs');
  PERFORM spanq.check_argument(priority BETWEEN 0 AND 9, 'priority: use 0 to 9');
  PERFORM spanq.check_argument(max_retries BETWEEN 0 AND 1000, 'max_retries: use 0 to 1000');
  IF v_count = 0 THEN RETURN '{}'; END IF;
  PERFORM spanq.check_argument(
    (SELECT bool_and(t IS NOT NULL AND t ~ '^[A-Za-z0-9_.:/-]{1,128}$') FROM unnest(types) AS t),
    'types: use 1 to 128 characters of A-Z a-z 0-9 _ . : / -');
  SELECT array_agg(convert_to(p::text, 'UTF8') ORDER BY o), array_agg(spanq.new_id() ORDER BY o)
  INTO v_payloads, v_ids FROM unnest(payloads) WITH ORDINALITY AS u (p, o);
  PERFORM spanq.check_argument(
    (SELECT bool_and(p IS NOT NULL AND octet_length(p) <= 1048576) FROM unnest(v_payloads) AS p),
    'payloads: use at most 1 MiB each, and store more elsewhere');
  SELECT array_agg(
    spanq.packed(u.t, u.p, priority, max_retries, false, NULL, NULL, NULL, NULL, NULL, NULL, spanq.trace_of(traceparent)) ORDER BY u.o)
  INTO v_messages FROM unnest(types, v_payloads) WITH ORDINALITY AS u (t, p, o);
  SELECT bool_or(e.state = 'w') INTO v_wakes FROM spanq.enqueue_1(
    queue, v_ids, types, array_fill(priority, ARRAY[v_count]), array_fill(NULL::bigint, ARRAY[v_count]),
    array_fill(NULL::bigint, ARRAY[v_count]), v_messages, v_payloads, array_fill(NULL::bytea, ARRAY[v_count]),
    array_fill(NULL::bigint, ARRAY[v_count]), 0) e
  WHERE e.kind = 'n';
  IF v_wakes AND NOT EXISTS (SELECT 1 FROM spanq.told t WHERE t.queue = enqueue_many.queue) THEN
    INSERT INTO spanq.told VALUES (queue);
  END IF;
  RETURN v_ids;
END $_$;
CREATE FUNCTION spanq.extend_1(p_queue text, p_ids text[], p_tokens bigint[], p_nonces bigint[], p_workers text[], p_lease bigint) RETURNS TABLE(place integer, cancelling boolean)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '4s'
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
CREATE FUNCTION spanq.first_score(p_queue integer, p_state "char") RETURNS bigint
    LANGUAGE sql STABLE
    AS $$ SELECT score FROM spanq.live WHERE queue = p_queue AND state = p_state ORDER BY queue, state, score LIMIT 1 $$;
CREATE FUNCTION spanq.has_work_1(p_queues text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
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
CREATE FUNCTION spanq.idle_1(p_queues text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO spanq.idle AS i (queue, until)
  SELECT DISTINCT name, v_now + 4000 FROM unnest(p_queues) AS name
  WHERE NOT EXISTS (SELECT 1 FROM spanq.idle k WHERE k.queue = name AND k.until >= v_now + 2500) ORDER BY name
  ON CONFLICT (queue) DO UPDATE SET until = EXCLUDED.until;
END $$;
CREATE FUNCTION spanq.in_time(now_ms bigint, not_after bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF not_after > 0 AND now_ms > not_after THEN
    RAISE EXCEPTION 'the call reached Postgres after its time limit and did nothing' USING ERRCODE = 'SQ001';
  END IF;
END $$;
CREATE FUNCTION spanq.job_1(p_queue text, p_id text) RETURNS TABLE(queue text, nr bigint, id text, state text, score bigint, enqueued_at bigint, message bytea, payload bytea, run bytea, token bigint, nonce bigint, worker text, cancel bytea)
    LANGUAGE sql STABLE
    AS $$
  SELECT q.name, j.nr, j.id, coalesce(l.state, d.state)::text, coalesce(l.score, d.score), j.enqueued_at, j.message, j.payload,
    coalesce(l.run, d.run), l.token, l.nonce, l.worker, l.cancel
  FROM spanq.queue q JOIN spanq.job j ON j.queue = q.nr AND j.id = p_id
    LEFT JOIN spanq.live l ON l.nr = j.nr LEFT JOIN spanq.done d ON d.nr = j.nr
  WHERE (p_queue IS NULL OR q.name = p_queue) AND (l.nr IS NOT NULL OR d.nr IS NOT NULL)
  ORDER BY q.name LIMIT 1
$$;
CREATE FUNCTION spanq.kept_for(p_nr bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
  v_message bytea := (SELECT message FROM spanq.job WHERE nr = p_nr);
  v_flags int := get_byte(v_message, 1);
  v_at int := 3;
  v_presence int;
BEGIN
  v_at := v_at + CASE WHEN v_flags & 1 = 1 THEN 16 ELSE 0 END + CASE WHEN v_flags & 8 = 8 THEN 8 ELSE 0 END;
  IF get_byte(v_message, 0) > 1 THEN
    v_at := v_at + 1 + get_byte(v_message, v_at);
    v_presence := get_byte(v_message, v_at) * 256 + get_byte(v_message, v_at + 1);
    v_at := v_at + 2;
  ELSE
    v_presence := get_byte(v_message, v_at);
    v_at := v_at + 1;
  END IF;
  IF v_presence & 16 = 0 THEN RETURN NULL; END IF;
  v_at := v_at + CASE WHEN v_presence & 1 = 1 THEN 9 ELSE 0 END;
  v_at := v_at + 1 + get_byte(v_message, v_at);
  v_at := v_at + 2 + 16 + 8 + 1 + CASE WHEN v_flags & 4 = 4 THEN 8 ELSE 0 END
    + CASE WHEN v_presence & 2 = 2 THEN 9 ELSE 0 END + CASE WHEN v_presence & 4 = 4 THEN 17 ELSE 0 END
    + CASE WHEN v_presence & 8 = 8 THEN 8 ELSE 0 END;
  RETURN ('x' || encode(substr(v_message, v_at + 2, 8), 'hex'))::bit(64)::bigint;
END $$;
CREATE FUNCTION spanq.known(p_place integer, p_queue integer, p_id text, p_message bytea, p_payload bytea) RETURNS TABLE(place integer, kind text, id text, state text, due bigint, enqueued_at bigint, message bytea)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION spanq.line(priority integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT ((9 - priority)::bigint << 58) + (1::bigint << 57) $$;
CREATE FUNCTION spanq.list_1(p_queue text, p_state text, p_after_score bigint, p_after_nr bigint, p_limit integer, p_is_reverse boolean) RETURNS TABLE(queue text, nr bigint, id text, state text, score bigint, enqueued_at bigint, message bytea, payload bytea, run bytea, token bigint, nonce bigint, worker text, cancel bytea)
    LANGUAGE plpgsql STABLE
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
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
CREATE FUNCTION spanq.lock_of(message bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT CASE WHEN get_byte(message, 1) & 5 = 1 THEN substr(message, 4, 16) END $$;
CREATE FUNCTION spanq.milliseconds(p_span interval) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT (extract(epoch FROM p_span) * 1000)::bigint $$;
CREATE FUNCTION spanq.milliseconds(p_moment timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT (extract(epoch FROM p_moment) * 1000)::bigint $$;
CREATE FUNCTION spanq.new_id() RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_time text := lpad(to_hex(spanq.clock() / 1000), 12, '0');
  v_random text := replace(gen_random_uuid()::text, '-', '');
BEGIN
  RETURN substr(v_time, 1, 8) || '-' || substr(v_time, 9, 4) || '-7' || substr(v_random, 14, 3) || '-' || substr(v_random, 17, 4)
    || '-' || substr(v_random, 21, 12);
END $$;
CREATE FUNCTION spanq.note(ms bigint, reason text, by_whom text) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT spanq.stamp(ms) || convert_to(reason, 'UTF8') || coalesce('\x00'::bytea || convert_to(by_whom, 'UTF8'), '') $$;
CREATE FUNCTION spanq.noted(run bytea, tag text, body bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT coalesce(run, '\x01000000') || convert_to(tag, 'UTF8') || substr(int4send(length(body)), 2) || body $$;
CREATE FUNCTION spanq.noted_open(run bytea, tag text, body bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT run || convert_to(tag, 'UTF8') || substr(int4send(length(body) + 13), 2) || body $$;
CREATE FUNCTION spanq.packed(p_type text, p_payload bytea, p_priority integer, p_max_retries integer, p_has_content boolean, p_after bigint, p_at bigint, p_deadline bigint, p_timeout bigint, p_lock bytea, p_lock_for bigint, p_trace bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT '\x01'::bytea
    || spanq.byte(
      CASE WHEN p_lock IS NULL THEN 0 WHEN p_lock_for IS NULL THEN 1 ELSE 5 END + CASE WHEN p_has_content THEN 8 ELSE 0 END)
    || convert_to(p_priority::text, 'UTF8')
    || coalesce(p_lock, '')
    || CASE WHEN p_has_content
      THEN substr(sha256(convert_to(p_type, 'UTF8') || '\x00'::bytea || p_payload), 1, 8) ELSE ''::bytea END
    || spanq.byte(
      CASE WHEN p_after IS NULL AND p_at IS NULL THEN 0 ELSE 1 END + CASE WHEN p_deadline IS NULL THEN 0 ELSE 2 END
        + CASE WHEN p_timeout IS NULL THEN 0 ELSE 8 END)
    || coalesce('\x00'::bytea || int8send(p_after), '\x01'::bytea || int8send(p_at), '')
    || spanq.byte(octet_length(p_type)) || convert_to(p_type, 'UTF8')
    || substr(int4send(p_max_retries), 3)
    || p_trace
    || coalesce(int8send(p_lock_for), '')
    || coalesce('\x01'::bytea || int8send(p_deadline), '')
    || coalesce(int8send(p_timeout), '')
$$;
CREATE FUNCTION spanq.pause_1(p_queue text, p_note text, p_by text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE spanq.queue SET pause_at = spanq.clock() / 1000, pause_note = p_note, pause_by = p_by WHERE name = p_queue;
  RETURN FOUND;
END $$;
CREATE FUNCTION spanq.promote(p_queue integer, p_state "char", p_now bigint) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION spanq.queue_for_enqueue(queue_name text) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION spanq.queue_to_move(queue_name text) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION spanq.reclaim_1(p_queue text, p_limit integer, p_max integer, p_not_after bigint) RETURNS TABLE(id text, fate text, token bigint, nonce bigint, worker text, enqueued_at bigint, message bytea, payload bytea, run bytea)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '4s'
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
CREATE FUNCTION spanq.release_lock(p_queue integer, p_message bytea, p_nr bigint) RETURNS void
    LANGUAGE sql
    AS $$
  DELETE FROM spanq.lock
  WHERE queue = p_queue AND digest = spanq.lock_of(p_message) AND nr = p_nr AND until IS NULL
$$;
CREATE FUNCTION spanq.report_1(p_queue text, p_id text, p_token bigint, p_nonce bigint, p_worker text, p_run bytea) RETURNS boolean
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '4s'
    AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  UPDATE spanq.live SET run = p_run
  WHERE nr = (SELECT j.nr FROM spanq.job j JOIN spanq.queue q ON q.nr = j.queue WHERE q.name = p_queue AND j.id = p_id)
    AND state = 'a' AND token = p_token AND nonce = p_nonce AND worker = p_worker;
  RETURN FOUND;
END $$;
CREATE FUNCTION spanq.resume_1(p_queue text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE spanq.queue SET pause_at = NULL, pause_note = NULL, pause_by = NULL WHERE name = p_queue;
  RETURN FOUND;
END $$;
CREATE FUNCTION spanq.retire_1(p_id text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  DELETE FROM spanq.worker WHERE id = p_id;
END $$;
CREATE FUNCTION spanq.settle_1(p_queue text, p_ids text[], p_tokens bigint[], p_nonces bigint[], p_workers text[], p_verdicts text[], p_parameters bigint[], p_runs bytea[], p_durable boolean) RETURNS TABLE(now_ms bigint, lost integer[], wake boolean)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '4s'
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
CREATE FUNCTION spanq.stamp(ms bigint) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT convert_to(lpad(ms::text, 13, '0'), 'UTF8') $$;
CREATE FUNCTION spanq.sweep_1(p_queue text, p_keep bigint, p_keep_count bigint, p_keep_dead bigint, p_step integer) RETURNS TABLE(dropped integer, is_full boolean)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '4s'
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
CREATE FUNCTION spanq.take_lock(p_queue integer, p_digest bytea, p_nr bigint, p_id text, p_until bigint, p_now bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO spanq.lock AS k (queue, digest, nr, id, until) VALUES (p_queue, p_digest, p_nr, p_id, p_until)
  ON CONFLICT (queue, digest) DO UPDATE SET nr = EXCLUDED.nr, id = EXCLUDED.id, until = EXCLUDED.until
  WHERE k.until <= p_now OR k.id = EXCLUDED.id
    OR k.until IS NULL AND NOT EXISTS (SELECT 1 FROM spanq.job WHERE nr = k.nr);
  RETURN FOUND;
END $$;
CREATE FUNCTION spanq.tell() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM spanq.told WHERE queue = NEW.queue;
  IF EXISTS (SELECT 1 FROM spanq.idle WHERE queue = NEW.queue AND until > spanq.clock() / 1000) THEN
    PERFORM pg_notify('spanq.wake', NEW.queue);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION spanq.trace_of(p_traceparent text) RETURNS bytea
    LANGUAGE plpgsql
    AS $_$
DECLARE
  v_parts text[] := regexp_match(p_traceparent, '^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$');
BEGIN
  IF v_parts IS NULL OR v_parts[1] ~ '^0+$' OR v_parts[2] ~ '^0+$' OR p_traceparent ~ '^ff' THEN
    -- Sampled, and of a random id.
    RETURN uuid_send(gen_random_uuid()) || substr(uuid_send(gen_random_uuid()), 1, 8) || '\x03'::bytea;
  END IF;
  RETURN decode(v_parts[1] || v_parts[2] || v_parts[3], 'hex');
END $_$;
CREATE FUNCTION spanq.wake_1(p_queues text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
  v_queue text;
BEGIN
  FOR v_queue IN SELECT i.queue FROM spanq.idle i WHERE i.queue = ANY (p_queues) AND i.until > v_now LOOP
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_notify('spanq.wake', v_queue);
  END LOOP;
END $$;
CREATE FUNCTION spanq.workers_1() RETURNS TABLE(id text, host text, pid bigint, queues text[], concurrency bigint, busy bigint, started_at bigint, version text, types text[])
    LANGUAGE sql STABLE
    AS $$
  SELECT id, host, pid, queues, concurrency, busy, started_at, version, types FROM spanq.worker
  WHERE until > spanq.clock() / 1000 ORDER BY id
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE spanq.done (
    nr bigint NOT NULL,
    queue integer NOT NULL,
    state "char" NOT NULL,
    score bigint NOT NULL,
    ended_at bigint NOT NULL,
    last_token bigint NOT NULL,
    nonce bigint,
    run bytea NOT NULL,
    CONSTRAINT done_state_check CHECK ((state = ANY (ARRAY['c'::"char", 'k'::"char", 'd'::"char", 'x'::"char"])))
)
WITH (vacuum_truncate=off);
CREATE TABLE spanq.idle (
    queue text NOT NULL COLLATE pg_catalog."C",
    until bigint NOT NULL
);
CREATE TABLE spanq.job (
    nr bigint NOT NULL,
    queue integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    priority smallint NOT NULL,
    enqueued_at bigint NOT NULL,
    message bytea NOT NULL,
    payload bytea NOT NULL
)
WITH (vacuum_truncate=off);
ALTER TABLE ONLY spanq.job ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE TABLE spanq.live (
    nr bigint NOT NULL,
    queue integer NOT NULL,
    state "char" NOT NULL,
    score bigint NOT NULL,
    token bigint,
    nonce bigint,
    worker text,
    cancel bytea,
    last_token bigint DEFAULT 0 NOT NULL,
    run bytea,
    CONSTRAINT live_check CHECK (((state = 'a'::"char") = (token IS NOT NULL))),
    CONSTRAINT live_state_check CHECK ((state = ANY (ARRAY['s'::"char", 'r'::"char", 'a'::"char", 't'::"char"])))
)
WITH (fillfactor='70', vacuum_truncate=off, autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');
CREATE TABLE spanq.lock (
    queue integer NOT NULL,
    digest bytea NOT NULL,
    nr bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    until bigint
);
CREATE SEQUENCE spanq.place
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE spanq.queue (
    nr integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    pause_at bigint,
    pause_note text,
    pause_by text,
    uses integer DEFAULT 0 NOT NULL,
    door text
);
ALTER TABLE spanq.queue ALTER COLUMN nr ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME spanq.queue_nr_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE spanq.tally (
    queue integer NOT NULL,
    s bigint DEFAULT 0 NOT NULL,
    h bigint DEFAULT 0 NOT NULL,
    r bigint DEFAULT 0 NOT NULL,
    a bigint DEFAULT 0 NOT NULL,
    t bigint DEFAULT 0 NOT NULL,
    c bigint DEFAULT 0 NOT NULL,
    k bigint DEFAULT 0 NOT NULL,
    d bigint DEFAULT 0 NOT NULL,
    x bigint DEFAULT 0 NOT NULL,
    enqueued bigint DEFAULT 0 NOT NULL,
    completed bigint DEFAULT 0 NOT NULL,
    dead bigint DEFAULT 0 NOT NULL,
    cancelled bigint DEFAULT 0 NOT NULL,
    removed bigint DEFAULT 0 NOT NULL
)
WITH (vacuum_truncate=off, autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');
CREATE TABLE spanq.told (
    queue text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE spanq.version (
    number integer NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE spanq.worker (
    id text NOT NULL COLLATE pg_catalog."C",
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
INSERT INTO spanq.done VALUES (1, 1, 'c', 4, 1795836591384, 1795836591374173, 3476698173, '\x010001004100002f0001000006614dca1a7f5dcf3a343d000001a22033bcfb000001a22033bd0e00017731373935383336353931333834');
INSERT INTO spanq.done VALUES (2, 1, 'c', 5, 1795836591384, 1795836591374173, 3476698173, '\x010001004100002f0001000006614dca1a7f5dcf3a343d000001a22033bd02000001a22033bd0e00017731373935383336353931333834');
INSERT INTO spanq.done VALUES (3, 1, 'c', 6, 1795836591384, 1795836591374173, 3476698173, '\x010001004100002f0001000006614dca1a7f5dcf3a343d000001a22033bd03000001a22033bd0e00017731373935383336353931333834');
INSERT INTO spanq.done VALUES (7, 1, 'k', 2111196591405, 1795836591405, 1795836591404444, 2372966853, '\x010001004100002f0001000006614dca1af59c8d7099c5000001a22033bd1a000001a22033bd2c00017731373935383336353931343035');
INSERT INTO spanq.done VALUES (8, 1, 'k', 2111196591405, 1795836591405, 1795836591404444, 2372966853, '\x010001004100002f0001000006614dca1af59c8d7099c5000001a22033bd1b000001a22033bd2c00017731373935383336353931343035');
INSERT INTO spanq.done VALUES (9, 1, 'k', 2111196591405, 1795836591405, 1795836591404444, 2372966853, '\x010001004100002f0001000006614dca1af59c8d7099c5000001a22033bd1b000001a22033bd2c00017731373935383336353931343035');
INSERT INTO spanq.done VALUES (13, 1, 'd', 19, 1795836591412, 1795836591410264, 3866976237, '\x01000100450000026e6f410000460001020006614dca1b0c58e67d5fed000001a22033bd2f000001a22033bd320e017700097065726d616e656e74074661696c75726500026e6f31373935383336353931343132');
INSERT INTO spanq.done VALUES (14, 1, 'd', 20, 1795836591412, 1795836591410264, 3866976237, '\x01000100450000026e6f410000460001020006614dca1b0c58e67d5fed000001a22033bd30000001a22033bd320e017700097065726d616e656e74074661696c75726500026e6f31373935383336353931343132');
INSERT INTO spanq.done VALUES (15, 1, 'd', 21, 1795836591412, 1795836591410264, 3866976237, '\x01000100450000026e6f410000460001020006614dca1b0c58e67d5fed000001a22033bd31000001a22033bd320e017700097065726d616e656e74074661696c75726500026e6f31373935383336353931343132');
INSERT INTO spanq.done VALUES (28, 1, 'x', 31, 1795836591421, 0, NULL, '\x0100000043000017313739353833363539313432316e6f2075736500616461');
INSERT INTO spanq.done VALUES (29, 1, 'x', 32, 1795836591423, 0, NULL, '\x0100000043000017313739353833363539313432336e6f2075736500616461');
INSERT INTO spanq.done VALUES (30, 1, 'x', 33, 1795836591424, 0, NULL, '\x0100000043000017313739353833363539313432346e6f2075736500616461');
INSERT INTO spanq.job VALUES (1, 1, 'completed-0', 'test', 0, 1795836591355, '\x01003000047465737400031f6fc02a0647e0a4ccfa76dcd6f1b756d01a1447cdd703de03', '\x010203');
INSERT INTO spanq.job VALUES (2, 1, 'completed-1', 'test', 0, 1795836591362, '\x010030000474657374000399bdda485ecaa3d20e6a0cd5203a9fa909c67b4a352e92f003', '\x010203');
INSERT INTO spanq.job VALUES (3, 1, 'completed-2', 'test', 0, 1795836591363, '\x01003000047465737400035857b783e80cdc0841a04579488056271b41d2b09642f18603', '\x010203');
INSERT INTO spanq.job VALUES (7, 1, 'kept-0', 'test', 0, 1795836591386, '\x0100301004746573740003832a94a9f3c32c8484ebcdb11f3b1dd8330a6b7babe67a3b0301000000496cebb800', '\x010203');
INSERT INTO spanq.job VALUES (8, 1, 'kept-1', 'test', 0, 1795836591387, '\x01003010047465737400033ca0e7eb2d1a851f633d14bbd15b025198534cc506d2dd100301000000496cebb800', '\x010203');
INSERT INTO spanq.job VALUES (9, 1, 'kept-2', 'test', 0, 1795836591387, '\x01003010047465737400037bba96ab608452d0585909f4ede7e87dbb32a25bfe5cde790301000000496cebb800', '\x010203');
INSERT INTO spanq.job VALUES (13, 1, 'dead-0', 'test', 0, 1795836591407, '\x01003000047465737400031caae810def79210bce0d2f6f97c3d740ab5eb1246a28bea03', '\x010203');
INSERT INTO spanq.job VALUES (14, 1, 'dead-1', 'test', 0, 1795836591408, '\x0100300004746573740003e65217afdc4ad30374bf4629dcf719240002b3f71639f6c603', '\x010203');
INSERT INTO spanq.job VALUES (15, 1, 'dead-2', 'test', 0, 1795836591409, '\x01003000047465737400038299a5497354af2ae1195396aab2cae4ff8404e20899ecf403', '\x010203');
INSERT INTO spanq.job VALUES (22, 1, 'retrying-0', 'test', 0, 1795836591413, '\x0100300004746573740003a423a801177fd5898722f65e2d815f1b05ce250ad87d562103', '\x010203');
INSERT INTO spanq.job VALUES (23, 1, 'retrying-1', 'test', 0, 1795836591413, '\x01003000047465737400032868f5e5556603860f099ec953e10b71e11ab1332169869403', '\x010203');
INSERT INTO spanq.job VALUES (24, 1, 'retrying-2', 'test', 0, 1795836591414, '\x0100300004746573740003909f8a63b83e3a986f374084b702da9a2313f9895ca550a403', '\x010203');
INSERT INTO spanq.job VALUES (28, 1, 'cancelled-0', 'test', 0, 1795836591420, '\x01003000047465737400035a357edca1851238a27c960e371a336c71e325c0be3ba1fe03', '\x010203');
INSERT INTO spanq.job VALUES (29, 1, 'cancelled-1', 'test', 0, 1795836591420, '\x01003000047465737400034224bc515945ae4e7ef4722b0521725303129375358e273103', '\x010203');
INSERT INTO spanq.job VALUES (30, 1, 'cancelled-2', 'test', 0, 1795836591421, '\x0100300004746573740003c0376fda1accddd9c5eee7868426d7a8f52f6b3d90882b3603', '\x010203');
INSERT INTO spanq.job VALUES (34, 1, 'scheduled-0', 'test', 0, 1795836591424, '\x0100300101000003bb2cc3d80004746573740003698e121246bf292e549c8f522616722d852bee181c11252203', '\x010203');
INSERT INTO spanq.job VALUES (35, 1, 'scheduled-1', 'test', 0, 1795836591425, '\x0100300101000003bb2cc3d800047465737400030f63feb5b327d884afee827a7e328182b7d0f3bb19b0bbcd03', '\x010203');
INSERT INTO spanq.job VALUES (36, 1, 'scheduled-2', 'test', 0, 1795836591425, '\x0100300101000003bb2cc3d80004746573740003cec5ecebc0f0b94a92317d9b139f0271db09278eee8ff40e03', '\x010203');
INSERT INTO spanq.job VALUES (37, 1, 'active-0', 'test', 0, 1795836591426, '\x0100300004746573740003e3b05bebc0fa8786db0af0e2410610e8e46c9d103de9b1fd03', '\x010203');
INSERT INTO spanq.job VALUES (38, 1, 'active-1', 'test', 0, 1795836591426, '\x0100300004746573740003bdff360f82db29448afef764fd2412f38b1d4a2147bba2e503', '\x010203');
INSERT INTO spanq.job VALUES (39, 1, 'active-2', 'test', 0, 1795836591427, '\x01003000047465737400036349bc9db17683101857c33160c1adc9f61589687946486f03', '\x010203');
INSERT INTO spanq.job VALUES (40, 1, 'ready-0', 'test', 0, 1795836591428, '\x0100300004746573740003da65331e6a706b2e665c48b39f46432ce6f645d882d74ebc03', '\x010203');
INSERT INTO spanq.job VALUES (41, 1, 'ready-1', 'test', 0, 1795836591429, '\x0100300004746573740003c31ec5769a2dda4d97da30db35e6de621e2a730e3d7e8d4403', '\x010203');
INSERT INTO spanq.job VALUES (42, 1, 'ready-2', 'test', 0, 1795836591429, '\x0100300004746573740003f0d64aec2510c4debae048f48984eececcb6bb5d665453b603', '\x010203');
INSERT INTO spanq.job VALUES (43, 2, 'locked-0', 'test', 0, 1795836591439, '\x010930dde8b3aaef6223da6b901479de70d226aea6d3a7c15f0e5c0004746573740019955aad31442444948c836c05c843982b20d9c89886e24d4503', '\x31');
INSERT INTO spanq.live VALUES (22, 1, 't', 4003356591418, NULL, 3397463344, NULL, NULL, 1795836591414740, '\x01000100450000046f6e6365410000450001010006614dca1b1dd4ca812d30000001a22033bd35000001a22033bd360d00000201fa7208000177074661696c75726500046f6e636531373935383336353931343138');
INSERT INTO spanq.live VALUES (23, 1, 't', 4003356591418, NULL, 3397463344, NULL, NULL, 1795836591414740, '\x01000100450000046f6e6365410000450001010006614dca1b1dd4ca812d30000001a22033bd35000001a22033bd360d00000201fa7208000177074661696c75726500046f6e636531373935383336353931343138');
INSERT INTO spanq.live VALUES (24, 1, 't', 4003356591418, NULL, 3397463344, NULL, NULL, 1795836591414740, '\x01000100450000046f6e6365410000450001010006614dca1b1dd4ca812d30000001a22033bd36000001a22033bd360d00000201fa7208000177074661696c75726500046f6e636531373935383336353931343138');
INSERT INTO spanq.live VALUES (34, 1, 's', 4102444800000, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO spanq.live VALUES (35, 1, 's', 4102444800000, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO spanq.live VALUES (36, 1, 's', 4102444800000, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO spanq.live VALUES (37, 1, 'a', 1795836591429, 1795836591428030, 2144559694, 'gone', NULL, 1795836591428030, NULL);
INSERT INTO spanq.live VALUES (38, 1, 'a', 1795836591429, 1795836591428030, 2144559694, 'gone', NULL, 1795836591428030, NULL);
INSERT INTO spanq.live VALUES (39, 1, 'a', 1795836591429, 1795836591428030, 2144559694, 'gone', NULL, 1795836591428030, NULL);
INSERT INTO spanq.live VALUES (40, 1, 'r', 2738188573441261608, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO spanq.live VALUES (41, 1, 'r', 2738188573441261609, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO spanq.live VALUES (42, 1, 'r', 2738188573441261610, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO spanq.live VALUES (43, 2, 'r', 2738188573441261611, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO spanq.lock VALUES (2, '\xdde8b3aaef6223da6b901479de70d226', 43, 'locked-0', NULL);
INSERT INTO spanq.queue OVERRIDING SYSTEM VALUE VALUES (1, 'q', NULL, NULL, NULL, 0, NULL);
INSERT INTO spanq.queue OVERRIDING SYSTEM VALUE VALUES (2, 'paused', 1795836591449, 'a look', 'ada', 0, NULL);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, -3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 0, -3, 0, 3, 0, 0, 0, 0, 3, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, -3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 0, -3, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, -3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 0, -3, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, -3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 0, -3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0);
INSERT INTO spanq.tally VALUES (1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, -3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.tally VALUES (2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
INSERT INTO spanq.version VALUES (1, '2026-11-28 03:29:51.320624+00');
INSERT INTO spanq.version VALUES (2, '2026-11-28 03:29:51.337531+00');
SELECT pg_catalog.setval('spanq.place', 43, true);
SELECT pg_catalog.setval('spanq.queue_nr_seq', 2, true);
ALTER TABLE ONLY spanq.done
    ADD CONSTRAINT done_pkey PRIMARY KEY (nr);
ALTER TABLE ONLY spanq.idle
    ADD CONSTRAINT idle_pkey PRIMARY KEY (queue);
ALTER TABLE ONLY spanq.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (nr);
ALTER TABLE ONLY spanq.job
    ADD CONSTRAINT job_queue_id_key UNIQUE (queue, id);
ALTER TABLE ONLY spanq.live
    ADD CONSTRAINT live_pkey PRIMARY KEY (nr);
ALTER TABLE ONLY spanq.lock
    ADD CONSTRAINT lock_pkey PRIMARY KEY (queue, digest);
ALTER TABLE ONLY spanq.queue
    ADD CONSTRAINT queue_name_key UNIQUE (name);
ALTER TABLE ONLY spanq.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (nr);
ALTER TABLE ONLY spanq.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (number);
ALTER TABLE ONLY spanq.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (id);
CREATE INDEX done_place ON spanq.done USING btree (queue, state, score, nr);
CREATE INDEX live_place ON spanq.live USING btree (queue, state, score, nr);
CREATE INDEX lock_until ON spanq.lock USING btree (queue, until) WHERE (until IS NOT NULL);
CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON spanq.told DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION spanq.tell();
