-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Claims under an old snapshot. While some transaction is open for long, vacuum removes nothing, and a claim that begins at the left end of the
-- line walks over the dead entries of all that was claimed since: a million after ten minutes. So a session remembers, for each queue, where
-- its last full claim ended, and begins there. It is a hint: who has none, or an old one, begins at the left end.

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
  v_begin timestamptz;
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
      -- Returned jobs, and those of higher priorities, go first.
      IF v_floor > v_least AND EXISTS (
        SELECT 1 FROM spanq.live WHERE queue = v_queue AND state = 'r' AND score < spanq.line(9 - (v_floor >> 58)::int)
      ) THEN
        v_floor := v_least;
      END IF;
    ELSE
      v_begin := clock_timestamp();
      v_since := v_now;
    END IF;
    IF p_limit > 0 THEN
      LOOP
        SELECT array_agg(at ORDER BY score), array_agg(nr ORDER BY score), array_agg(score ORDER BY score), max(last_token)
        INTO v_at, v_nrs, v_scores, v_last FROM (
          SELECT ctid AS at, nr, score, last_token FROM spanq.live WHERE queue = v_queue AND state = 'r' AND score >= v_floor
          ORDER BY queue, state, score LIMIT p_limit) first;
        EXIT WHEN cardinality(v_at) = p_limit OR v_floor = v_least;
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
      -- A floor is among the arrivals of a priority. Where fewer came than were asked for, the line has ended.
      v_floor := v_scores[p_limit];
      IF v_floor IS NULL OR v_floor < spanq.line(9 - (v_floor >> 58)::int) THEN v_floor := v_least; END IF;
      v_lapses := least(v_lapses, v_now + p_lease);
    END IF;
    v_more := EXISTS (SELECT 1 FROM spanq.live WHERE queue = v_queue AND state = 'r' AND score >= v_floor);
    IF NOT v_more AND v_floor > v_least THEN
      v_floor := v_least;
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
    -- The whole line is looked at once a second, and for a twentieth of the time at most.
    IF v_begin IS NOT NULL THEN
      v_until := v_now + least(30000, greatest(1000, (extract(epoch FROM clock_timestamp() - v_begin) * 20000)::bigint));
    END IF;
    PERFORM set_config(
      v_name, v_floor || '/' || coalesce(v_lapse, v_least) || '/' || v_since || '/' || v_until, false);
  END IF;
  RETURN QUERY
  SELECT ARRAY[
      v_now, v_token, v_is_paused::int, v_scheduled + v_retrying, v_more::int, v_due, v_lapse,
      (v_more AND EXISTS (SELECT 1 FROM spanq.idle WHERE queue = p_queue AND until > v_now))::int],
    NULL::text, NULL::bigint, NULL::bytea, NULL::bytea, NULL::bytea;
END $$;

CREATE OR REPLACE FUNCTION spanq.extend_1(
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
  -- A lease may end before the first one of which claims in this session know.
  IF current_setting('spanq.floor_' || v_queue, true) <> '' THEN
    PERFORM set_config('spanq.floor_' || v_queue, '', false);
  END IF;
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
