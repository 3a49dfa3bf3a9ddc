-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- A lone job, workers that have nothing to do, and claims under an old snapshot from a queue that is empty time and again: what they ask for
-- most is made cheap.

-- Adds one job that is ready at once, holds no lock, and has an id that nobody else can have. Gives the time, and 1 where somebody may sleep
-- for want of work in the queue, else 0. Null where more is to be done or said than that: then nothing was done, and `enqueue_1` is to be
-- called. It waits for nobody, so it needs no limit; and no plan of it could be a wrong one. Commits as its session does.
--
-- Who goes to sleep while this call is under way is not seen, and does not see the job. So the caller wakes all the same where the call
-- took long, and who goes to sleep looks once more when no call that did not see it can be under way.
CREATE FUNCTION spanq.enqueue_plain_1(
  p_queue text, p_id text, p_type text, p_priority int, p_message bytea, p_payload bytea, p_not_after bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
  v_nr bigint;
  v_queue int;
BEGIN
  IF p_not_after > 0 AND v_now > p_not_after THEN PERFORM spanq.in_time(v_now, p_not_after); END IF;
  -- The queue is not deleted meanwhile: see `queue_for_enqueue`.
  IF NOT pg_try_advisory_xact_lock_shared('spanq.queue'::regclass::oid::int4, hashtext(p_queue)) THEN RETURN NULL; END IF;
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue AND door IS NULL;
  IF v_queue IS NULL THEN RETURN NULL; END IF;
  v_nr := nextval('spanq.place');
  INSERT INTO spanq.job (nr, queue, id, type, priority, enqueued_at, message, payload)
  VALUES (v_nr, v_queue, p_id, p_type, p_priority, v_now, p_message, p_payload)
  ON CONFLICT (queue, id) DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO spanq.live (nr, queue, state, score) VALUES (v_nr, v_queue, 'r', spanq.line(p_priority) + v_nr);
  INSERT INTO spanq.tally (queue, r, enqueued) VALUES (v_queue, 1, 1);
  RETURN ARRAY[v_now, EXISTS (SELECT 1 FROM spanq.idle WHERE queue = p_queue AND until > v_now)::int];
END $$;

-- Says that somebody may sleep for want of work in these queues: for the next 25 seconds at least. The longer,
-- the fewer calls of a worker that has nothing to do; but as long as that, each lone enqueue tells those who may sleep.
CREATE OR REPLACE FUNCTION spanq.idle_1(p_queues text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO spanq.idle AS i (queue, until)
  SELECT DISTINCT name, v_now + 30000 FROM unnest(p_queues) AS name
  WHERE NOT EXISTS (SELECT 1 FROM spanq.idle k WHERE k.queue = name AND k.until >= v_now + 25000) ORDER BY name
  ON CONFLICT (queue) DO UPDATE SET until = EXCLUDED.until;
END $$;

-- How many entries of the line this transaction has walked over, as its session has counted them; without the index none.
CREATE FUNCTION spanq.walked() RETURNS bigint LANGUAGE sql AS
$$ SELECT coalesce(pg_stat_get_xact_tuples_returned(to_regclass('spanq.live_place')), 0) $$;

-- As before, but the floor outlives the end of the line, and how long a look at the whole line is believed depends on how long a walk it was.
CREATE OR REPLACE FUNCTION spanq.claim_1(
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
  v_lapse bigint;
  v_least constant bigint := -9223372036854775808;
  v_name text;
  v_hint bigint[];
  v_floor bigint := v_least;
  v_lapses bigint := v_least;
  v_since bigint;
  v_until bigint;
  v_begin bigint;
  v_is_rare boolean := false;
  v_at tid[];
  v_nrs bigint[];
  v_scores bigint[];
  v_last bigint;
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
    -- What this session remembers of the line: where it last ended, the first lapse, and since and until when that is to be believed. A
    -- clock that was set back ends it.
    v_name := 'spanq.floor_' || v_queue;
    v_hint := string_to_array(nullif(current_setting(v_name, true), ''), '/')::bigint[];
    IF v_now BETWEEN v_hint[3] AND v_hint[4] THEN
      v_floor := v_hint[1];
      v_lapses := v_hint[2];
      v_since := v_hint[3];
      v_until := v_hint[4];
      v_is_rare := v_until > v_since + 1000;
      -- Returned jobs, and those of higher priorities, go first.
      IF v_floor > v_least AND EXISTS (
        SELECT 1 FROM spanq.live WHERE queue = v_queue AND state = 'r' AND score < spanq.line(9 - (v_floor >> 58)::int)
      ) THEN
        v_floor := v_least;
      END IF;
    ELSE
      v_begin := spanq.walked();
      v_since := v_now;
    END IF;
    IF p_limit > 0 THEN
      LOOP
        SELECT array_agg(at ORDER BY score), array_agg(nr ORDER BY score), array_agg(score ORDER BY score), max(last_token)
        INTO v_at, v_nrs, v_scores, v_last FROM (
          SELECT ctid AS at, nr, score, last_token FROM spanq.live WHERE queue = v_queue AND state = 'r' AND score >= v_floor
          ORDER BY queue, state, score LIMIT p_limit) first;
        EXIT WHEN cardinality(v_at) = p_limit OR v_floor = v_least OR v_is_rare;
        v_floor := v_least;
      END LOOP;
      v_token := greatest(v_token, 1 + v_last);
      RETURN QUERY
      WITH taken AS (
        UPDATE spanq.live SET state = 'a', score = v_now + p_lease, token = v_token, nonce = p_nonce, worker = p_worker,
          last_token = v_token
        -- Nothing else, so that it is by their places in any case; the lock keeps them where they are.
        WHERE ctid = ANY (v_at)
        RETURNING nr, run
      ), found AS MATERIALIZED (
        SELECT j.nr, j.id, j.enqueued_at, j.message, j.payload, taken.run
        FROM taken JOIN spanq.job j ON j.nr = taken.nr
      ), freed AS (
        DELETE FROM spanq.lock k USING found
        WHERE get_byte(found.message, 1) & 7 = 3 AND k.queue = v_queue AND k.digest = substr(found.message, 4, 16)
          AND k.nr = found.nr AND k.until IS NULL
      )
      SELECT NULL::bigint[], found.id, found.enqueued_at, found.message, found.payload, found.run
      FROM found ORDER BY array_position(v_nrs, found.nr);
      GET DIAGNOSTICS v_claimed = ROW_COUNT;
      IF v_begin IS NOT NULL THEN v_is_rare := spanq.walked() - v_begin > 10000; END IF;
      -- A floor is among the arrivals of a priority. Where nothing came, it is the one of before: what comes next is behind that.
      v_floor := coalesce(v_scores[cardinality(v_scores)], v_hint[1], v_least);
      IF v_floor < spanq.line(9 - (v_floor >> 58)::int) THEN v_floor := v_least; END IF;
      v_lapses := least(v_lapses, v_now + p_lease);
    END IF;
    v_more := EXISTS (SELECT 1 FROM spanq.live WHERE queue = v_queue AND state = 'r' AND score >= v_floor);
    IF NOT v_more AND v_floor > v_least AND NOT v_is_rare THEN
      v_more := EXISTS (SELECT 1 FROM spanq.live WHERE queue = v_queue AND state = 'r');
    END IF;
    IF NOT v_more THEN
      v_due := least(spanq.first_score(v_queue, 's'), spanq.first_score(v_queue, 't'));
    END IF;
    IF v_scheduled + v_retrying + v_claimed > 0 THEN
      INSERT INTO spanq.tally (queue, s, t, r, a)
      VALUES (v_queue, -v_scheduled, -v_retrying, v_scheduled + v_retrying - v_claimed, v_claimed);
    END IF;
  END IF;
  SELECT score INTO v_lapse FROM spanq.live WHERE queue = v_queue AND state = 'a' AND score >= v_lapses
  ORDER BY queue, state, score LIMIT 1;
  IF v_since IS NOT NULL THEN
    -- The whole line is looked at once a second; where that is a walk over more than 10,000 entries, which takes some 2 ms, more rarely: a
    -- second for each 10,000, and every 30 seconds at least.
    IF v_begin IS NOT NULL THEN
      v_until := v_now + least(30000, greatest(1000, (spanq.walked() - v_begin) / 10));
    END IF;
    -- No lease that begins later ends before now.
    PERFORM set_config(
      v_name, v_floor || '/' || coalesce(v_lapse, v_now) || '/' || v_since || '/' || v_until, false);
  END IF;
  RETURN QUERY
  SELECT ARRAY[
      v_now, v_token, v_is_paused::int, v_scheduled + v_retrying, v_more::int, v_due, v_lapse,
      (v_more AND EXISTS (SELECT 1 FROM spanq.idle WHERE queue = p_queue AND until > v_now))::int],
    NULL::text, NULL::bigint, NULL::bytea, NULL::bytea, NULL::bytea;
END $$;
