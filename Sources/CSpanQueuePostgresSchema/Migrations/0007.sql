-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Jobs that move from one store to another: `spanq transfer`. A record comes and goes as it is stored, with the moments that it names.
-- Who moves jobs has stopped claims on both sides. Nothing is added or forgotten unless the queue is paused as it was left: so nobody
-- has run what comes, and a transfer that was overtaken by another changes nothing any more.

-- Refuses a call unless the queue is paused just so. A resume waits until the call has ended.
CREATE FUNCTION spanq.paused_as(p_queue int, p_pause_at bigint, p_pause_note text, p_pause_by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM spanq.queue
  WHERE nr = p_queue AND pause_at = p_pause_at AND pause_note IS NOT DISTINCT FROM p_pause_note
    AND pause_by IS NOT DISTINCT FROM p_pause_by
  FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the queue is not paused as the transfer left it: somebody else has resumed or paused it' USING ERRCODE = 'SQ005';
  END IF;
END $$;

-- Where a page of records of one state ends is (score, nr). `holds` is whether the job holds the lock that its message names, and `until`
-- the end of that lock.
CREATE FUNCTION spanq.packed_1(p_queue text, p_state text, p_after_score bigint, p_after_nr bigint, p_limit int)
RETURNS TABLE (
  id text, score bigint, nr bigint, enqueued_at bigint, ended_at bigint, token bigint, nonce bigint, message bytea, payload bytea,
  run bytea, holds boolean, until bigint)
LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
  v_queue int := spanq.queue_to_move(p_queue);
  v_score bigint := coalesce(p_after_score, -9223372036854775808);
  v_nr bigint := coalesce(p_after_nr, -1);
  v_row record;
  v_bytes bigint := 0;
BEGIN
  FOR v_row IN
    SELECT f.*, j.id, j.enqueued_at, j.message, j.payload, k.nr IS NOT NULL AS holds, k.until
    FROM (
      (SELECT l.nr, l.score, NULL::bigint AS ended_at, l.last_token AS token, l.nonce, l.run FROM spanq.live l
       WHERE p_state IN ('s', 'r', 't') AND l.queue = v_queue AND l.state = p_state::"char" AND (l.score, l.nr) > (v_score, v_nr)
       ORDER BY l.queue, l.state, l.score, l.nr LIMIT p_limit)
      UNION ALL
      (SELECT d.nr, d.score, d.ended_at, d.last_token, d.nonce, d.run FROM spanq.done d
       WHERE p_state IN ('c', 'k', 'd', 'x') AND d.queue = v_queue AND d.state = p_state::"char" AND (d.score, d.nr) > (v_score, v_nr)
       ORDER BY d.queue, d.state, d.score, d.nr LIMIT p_limit)
    ) f CROSS JOIN LATERAL (SELECT * FROM spanq.job WHERE job.nr = f.nr) j
      LEFT JOIN LATERAL (
        SELECT * FROM spanq.lock WHERE get_byte(j.message, 1) & 1 = 1 AND lock.queue = v_queue
          AND lock.digest = substr(j.message, 4, 16) AND lock.nr = f.nr) k ON true
    ORDER BY f.score, f.nr
  LOOP
    id := v_row.id; score := v_row.score; nr := v_row.nr; enqueued_at := v_row.enqueued_at; ended_at := v_row.ended_at;
    token := v_row.token; nonce := v_row.nonce; message := v_row.message; payload := v_row.payload; run := v_row.run;
    holds := v_row.holds; until := v_row.until;
    RETURN NEXT;
    v_bytes := v_bytes + octet_length(v_row.payload);
    EXIT WHEN v_bytes >= 4194304;
  END LOOP;
END $$;

-- Adds records as they are. Outcomes, one row each: a added; t there already, with where it stands and its run; c the id is another job's;
-- l its lock is held by `owner`. Nothing is done unless the queue is paused as `p_pause_…` say. States: s, r, t, c, k, d, x; `p_scores`
-- are due times of s and t, and for k until when it is kept.
CREATE FUNCTION spanq.adopt_1(
  p_queue text, p_pause_at bigint, p_pause_note text, p_pause_by text, p_ids text[], p_types text[], p_priorities int[],
  p_states text[], p_scores bigint[], p_enqueued_at bigint[], p_ended_at bigint[], p_tokens bigint[], p_nonces bigint[],
  p_messages bytea[], p_payloads bytea[], p_runs bytea[], p_locks bytea[], p_lock_until bigint[]
) RETURNS TABLE (place int, outcome text, state text, run bytea, owner text)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_queue int := spanq.queue_for_enqueue(p_queue);
  v_now bigint := spanq.clock() / 1000;
  v_old record;
  v_nr bigint;
  v_state text;
  n_s int := 0; n_r int := 0; n_t int := 0; n_c int := 0; n_k int := 0; n_d int := 0; n_x int := 0;
  i int;
BEGIN
  PERFORM spanq.queue_to_move(p_queue);
  PERFORM spanq.alone(v_queue);
  PERFORM spanq.paused_as(v_queue, p_pause_at, p_pause_note, p_pause_by);
  FOR i IN 1..cardinality(p_ids) LOOP
    v_state := p_states[i];
    SELECT j.nr, j.enqueued_at, j.message, j.payload INTO v_old FROM spanq.job j WHERE j.queue = v_queue AND j.id = p_ids[i];
    IF FOUND THEN
      IF v_old.enqueued_at = p_enqueued_at[i] AND v_old.message = p_messages[i] AND v_old.payload = p_payloads[i] THEN
        RETURN QUERY
        SELECT i, 't', l.state::text, l.run, NULL::text FROM spanq.live l WHERE l.nr = v_old.nr
        UNION ALL
        SELECT i, 't', d.state::text, d.run, NULL::text FROM spanq.done d WHERE d.nr = v_old.nr;
      ELSE
        RETURN QUERY SELECT i, 'c', NULL::text, NULL::bytea, NULL::text;
      END IF;
      CONTINUE;
    END IF;
    v_nr := nextval('spanq.place');
    INSERT INTO spanq.job (nr, queue, id, type, priority, enqueued_at, message, payload)
    VALUES (v_nr, v_queue, p_ids[i], p_types[i], p_priorities[i], p_enqueued_at[i], p_messages[i], p_payloads[i])
    ON CONFLICT (queue, id) DO NOTHING;
    IF NOT FOUND THEN
      RETURN QUERY SELECT i, 'c', NULL::text, NULL::bytea, NULL::text;
      CONTINUE;
    END IF;
    IF p_locks[i] IS NOT NULL AND (p_lock_until[i] IS NULL OR p_lock_until[i] > v_now)
      AND NOT spanq.take_lock(v_queue, p_locks[i], v_nr, p_ids[i], p_lock_until[i], v_now)
    THEN
      DELETE FROM spanq.job WHERE nr = v_nr;
      RETURN QUERY
      SELECT i, 'l', NULL::text, NULL::bytea, k.id FROM spanq.lock k WHERE k.queue = v_queue AND k.digest = p_locks[i];
      CONTINUE;
    END IF;
    IF v_state IN ('s', 'r', 't') THEN
      INSERT INTO spanq.live (nr, queue, state, score, nonce, last_token, run)
      VALUES (v_nr, v_queue, v_state::"char",
        CASE WHEN v_state = 'r' THEN spanq.line(p_priorities[i]) + v_nr ELSE p_scores[i] END, p_nonces[i], p_tokens[i], p_runs[i]);
    ELSE
      INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, nonce, run)
      VALUES (v_nr, v_queue, v_state::"char", CASE WHEN v_state = 'k' THEN p_scores[i] ELSE v_nr END, p_ended_at[i], p_tokens[i],
        p_nonces[i], p_runs[i]);
    END IF;
    CASE v_state
      WHEN 's' THEN n_s := n_s + 1; WHEN 'r' THEN n_r := n_r + 1; WHEN 't' THEN n_t := n_t + 1; WHEN 'c' THEN n_c := n_c + 1;
      WHEN 'k' THEN n_k := n_k + 1; WHEN 'd' THEN n_d := n_d + 1; ELSE n_x := n_x + 1;
    END CASE;
    RETURN QUERY SELECT i, 'a', NULL::text, NULL::bytea, NULL::text;
  END LOOP;
  IF n_s + n_r + n_t + n_c + n_k + n_d + n_x > 0 THEN
    INSERT INTO spanq.tally (queue, s, r, t, c, k, d, x, enqueued, completed, dead, cancelled)
    VALUES (v_queue, n_s, n_r, n_t, n_c, n_k, n_d, n_x, n_s + n_r + n_t + n_c + n_k + n_d + n_x, n_c + n_k, n_d, n_x);
  END IF;
END $$;

-- Forgets records that are still what somebody has read of them. Outcomes, one row each: d done, g it is gone, o it is otherwise by now.
-- States as above, but c for k as well.
CREATE FUNCTION spanq.drop_1(
  p_queue text, p_pause_at bigint, p_pause_note text, p_pause_by text, p_ids text[], p_states text[], p_enqueued_at bigint[],
  p_runs bytea[]
) RETURNS TABLE (place int, outcome text)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_queue int := spanq.queue_to_move(p_queue);
  v_found record;
  v_same text[] := '{}';
  i int;
BEGIN
  IF v_queue IS NOT NULL THEN PERFORM spanq.alone(v_queue); END IF;
  PERFORM spanq.paused_as(v_queue, p_pause_at, p_pause_note, p_pause_by);
  FOR i IN 1..cardinality(p_ids) LOOP
    SELECT j.enqueued_at, CASE WHEN d.state = 'k' THEN 'c' ELSE coalesce(l.state, d.state)::text END AS state,
      coalesce(l.run, d.run) AS run
    INTO v_found
    FROM spanq.job j LEFT JOIN spanq.live l ON l.nr = j.nr LEFT JOIN spanq.done d ON d.nr = j.nr
    WHERE j.queue = v_queue AND j.id = p_ids[i];
    IF NOT FOUND THEN
      RETURN QUERY SELECT i, 'g';
    ELSIF v_found.enqueued_at = p_enqueued_at[i] AND v_found.state = p_states[i] AND v_found.state <> 'a'
      AND v_found.run IS NOT DISTINCT FROM p_runs[i]
    THEN
      v_same := v_same || p_ids[i];
      RETURN QUERY SELECT i, 'd';
    ELSE
      RETURN QUERY SELECT i, 'o';
    END IF;
  END LOOP;
  -- Under the lock of the queue nothing but the end of an attempt, and a sweep, can change them: these are no running ones, and what a
  -- sweep has taken is gone all the same.
  IF cardinality(v_same) > 0 THEN
    PERFORM * FROM spanq.act_on_all(
      v_queue, 'r', v_same, ARRAY['s', 'r', 't', 'c', 'k', 'd', 'x'], '', NULL, spanq.clock() / 1000);
  END IF;
END $$;

-- Locks that end by time and have not ended, by their digests.
CREATE FUNCTION spanq.locks_1(p_queue text, p_after bytea, p_limit int) RETURNS TABLE (digest bytea, id text, until bigint)
LANGUAGE sql STABLE AS $$
  SELECT k.digest, k.id, k.until FROM spanq.lock k
  WHERE k.queue = (SELECT nr FROM spanq.queue WHERE name = p_queue) AND (p_after IS NULL OR k.digest > p_after)
    AND k.until > spanq.clock() / 1000
  ORDER BY k.digest LIMIT p_limit
$$;

-- Sets such locks where nobody holds one of the digest. Those whose jobs are there have come with them.
CREATE FUNCTION spanq.adopt_locks_1(p_queue text, p_digests bytea[], p_ids text[], p_untils bigint[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_queue int := spanq.queue_for_enqueue(p_queue);
  v_count int;
BEGIN
  INSERT INTO spanq.lock AS k (queue, digest, nr, id, until)
  SELECT v_queue, u.digest, 0, u.id, u.until FROM unnest(p_digests, p_ids, p_untils) AS u (digest, id, until)
  WHERE u.until > spanq.clock() / 1000 ORDER BY u.digest
  ON CONFLICT (queue, digest) DO UPDATE SET nr = 0, id = EXCLUDED.id, until = EXCLUDED.until
  WHERE k.until <= spanq.clock() / 1000;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END $$;

-- Adds groups of errors, as they are, that the queue does not have.
CREATE FUNCTION spanq.adopt_errors_1(
  p_queue text, p_fingerprints bigint[], p_firsts bigint[], p_lasts bigint[], p_counts bigint[], p_types text[], p_error_types bytea[],
  p_masked bytea[], p_versions text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_queue int := spanq.queue_for_enqueue(p_queue);
BEGIN
  -- No two at once.
  PERFORM pg_advisory_xact_lock('spanq.error'::regclass::oid::int4, v_queue);
  INSERT INTO spanq.error (queue, fingerprint, first_seen, last_seen, count, job_type, error_type, masked, version)
  SELECT v_queue, u.fingerprint, u.first, u.last, u.count, u.type, u.error_type, u.masked, u.version
  FROM unnest(p_fingerprints, p_firsts, p_lasts, p_counts, p_types, p_error_types, p_masked, p_versions)
    AS u (fingerprint, first, last, count, type, error_type, masked, version)
  WHERE NOT EXISTS (SELECT 1 FROM spanq.error e WHERE e.queue = v_queue AND e.fingerprint IS NOT DISTINCT FROM u.fingerprint);
END $$;

-- Returns when no claim from the queue is under way that began before.
CREATE FUNCTION spanq.settled_1(p_queue text) RETURNS void LANGUAGE plpgsql SET lock_timeout = '4s' AS $$
DECLARE
  v_queue int := spanq.queue_to_move(p_queue);
BEGIN
  IF v_queue IS NOT NULL THEN PERFORM spanq.alone(v_queue); END IF;
END $$;
