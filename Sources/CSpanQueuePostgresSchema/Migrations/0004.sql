-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Searches, and actions on many jobs. A step walks along an index from where the last one ended, and looks at a bounded number of jobs;
-- what is done to them is done to all at once.

-- Dead and cancelled jobs by when they ended, and dead ones by the fingerprint of their last error: bytes 9 to 16 of a record of runs that
-- begins with an entry 'F'. Neither costs a job anything that completes.
CREATE INDEX done_ended ON spanq.done (queue, state, ended_at, score) WHERE state IN ('d', 'x');
CREATE INDEX done_error ON spanq.done (queue, substr(run, 9, 8), ended_at, score)
WHERE state = 'd' AND substr(run, 5, 1) = '\x46';

-- The last entry of a record of runs that tells of an event; no row where there is none.
CREATE FUNCTION spanq.last_event(p_run bytea) RETURNS TABLE (tag text, body bytea) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_at int := 4;
  v_size int := length(p_run);
  v_length int;
  v_tag text;
BEGIN
  WHILE v_at + 4 <= v_size LOOP
    v_tag := chr(get_byte(p_run, v_at));
    v_length := get_byte(p_run, v_at + 1) * 65536 + get_byte(p_run, v_at + 2) * 256 + get_byte(p_run, v_at + 3);
    IF v_tag IN ('A', 'L', 'V', 'B', 'C') THEN
      tag := v_tag;
      body := substr(p_run, v_at + 5, v_length);
    END IF;
    v_at := v_at + 4 + v_length;
  END LOOP;
  IF tag IS NOT NULL THEN RETURN NEXT; END IF;
END $$;

-- When what happened last to a job that has not ended did (ms), or its enqueue; null where that can't be read.
CREATE FUNCTION spanq.changed_at(p_run bytea, p_enqueued_at bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_event record;
  v_stamp text;
BEGIN
  IF p_run IS NULL THEN RETURN p_enqueued_at; END IF;
  SELECT * INTO v_event FROM spanq.last_event(p_run);
  IF NOT FOUND THEN RETURN p_enqueued_at; END IF;
  v_stamp := encode(
    CASE v_event.tag WHEN 'A' THEN substr(v_event.body, length(v_event.body) - 12) WHEN 'L' THEN substr(v_event.body, 2, 13)
      ELSE substr(v_event.body, 1, 13) END, 'escape');
  RETURN CASE WHEN v_stamp ~ '^[0-9]{13}$' THEN v_stamp::bigint END;
END $$;

-- Jobs of one state behind a place in their order. The place is (`first`, `second`): score and number; of dead and cancelled jobs the
-- moment and the order of their end. For those the earliest and the latest moment may be given, and for dead ones a fingerprint.
CREATE FUNCTION spanq.walk(
  p_queue int, p_state text, p_first bigint, p_second bigint, p_most int, p_is_reverse boolean, p_since bigint, p_until bigint,
  p_fingerprint bytea
) RETURNS TABLE (
  nr bigint, first bigint, second bigint, score bigint, ended_at bigint, run bytea, token bigint, nonce bigint, worker text, cancel bytea)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  v_least constant bigint := -9223372036854775808;
  v_most constant bigint := 9223372036854775807;
  v_since bigint := coalesce(p_since, v_least + 1);
  v_until bigint := coalesce(p_until, v_most - 1);
  v_first bigint := p_first;
  v_second bigint := p_second;
BEGIN
  IF v_first IS NULL THEN
    IF p_is_reverse THEN
      v_first := CASE WHEN p_state IN ('d', 'x') THEN v_until + 1 ELSE v_most END;
      v_second := v_least;
    ELSE
      v_first := CASE WHEN p_state IN ('d', 'x') THEN v_since - 1 ELSE v_least END;
      v_second := v_most;
    END IF;
  END IF;
  IF p_state IN ('s', 'r', 'a', 't') THEN
    RETURN QUERY
    SELECT nr, score, nr, score, NULL::bigint, run, token, nonce, worker, cancel FROM spanq.live
    WHERE queue = p_queue AND state = p_state::"char" AND (score, nr) > (v_first, v_second)
    ORDER BY queue, state, score, nr LIMIT p_most;
  ELSIF p_state = 'd' AND p_fingerprint IS NOT NULL AND p_is_reverse THEN
    RETURN QUERY
    SELECT nr, ended_at, score, score, ended_at, run, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea FROM spanq.done
    WHERE queue = p_queue AND state = 'd' AND substr(run, 5, 1) = '\x46' AND substr(run, 9, 8) = p_fingerprint
      AND (ended_at, score) < (v_first, v_second) AND ended_at >= v_since
    ORDER BY queue DESC, substr(run, 9, 8) DESC, ended_at DESC, score DESC LIMIT p_most;
  ELSIF p_state = 'd' AND p_fingerprint IS NOT NULL THEN
    RETURN QUERY
    SELECT nr, ended_at, score, score, ended_at, run, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea FROM spanq.done
    WHERE queue = p_queue AND state = 'd' AND substr(run, 5, 1) = '\x46' AND substr(run, 9, 8) = p_fingerprint
      AND (ended_at, score) > (v_first, v_second) AND ended_at <= v_until
    ORDER BY queue, substr(run, 9, 8), ended_at, score LIMIT p_most;
  ELSIF p_state IN ('d', 'x') AND p_is_reverse THEN
    RETURN QUERY
    SELECT nr, ended_at, score, score, ended_at, run, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea FROM spanq.done
    WHERE queue = p_queue AND state = p_state::"char" AND state IN ('d', 'x') AND (ended_at, score) < (v_first, v_second)
      AND ended_at >= v_since
    ORDER BY queue DESC, state DESC, ended_at DESC, score DESC LIMIT p_most;
  ELSIF p_state IN ('d', 'x') THEN
    RETURN QUERY
    SELECT nr, ended_at, score, score, ended_at, run, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea FROM spanq.done
    WHERE queue = p_queue AND state = p_state::"char" AND state IN ('d', 'x') AND (ended_at, score) > (v_first, v_second)
      AND ended_at <= v_until
    ORDER BY queue, state, ended_at, score LIMIT p_most;
  ELSIF p_is_reverse THEN
    RETURN QUERY
    SELECT nr, score, nr, score, ended_at, run, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea FROM spanq.done
    WHERE queue = p_queue AND state = p_state::"char" AND (score, nr) < (v_first, v_second)
    ORDER BY queue DESC, state DESC, score DESC, nr DESC LIMIT p_most;
  ELSE
    RETURN QUERY
    SELECT nr, score, nr, score, ended_at, run, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea FROM spanq.done
    WHERE queue = p_queue AND state = p_state::"char" AND (score, nr) > (v_first, v_second)
    ORDER BY queue, state, score, nr LIMIT p_most;
  END IF;
END $$;

-- A step of a search: looks at `p_most` jobs at most, and gives `p_limit` at most of those that are wanted, in order. The last row has in
-- `head` how many were looked at, whether nothing is left behind them, and the place of the last one.
--
-- Wanted, null for any: the type, where a final '*' stands for anything; the start of the id; texts in the message, all of them; a text
-- in the record of runs, small and capital letters alike; the fingerprint of the last error; the earliest and the latest moment at which
-- what happened last did. It may give more than is wanted, never less: texts are looked for in all of a record.
CREATE FUNCTION spanq.search_1(
  p_queue text, p_state text, p_first bigint, p_second bigint, p_limit int, p_most int, p_is_reverse boolean, p_type text,
  p_prefix text, p_tags bytea[], p_error bytea, p_fingerprint bytea, p_since bigint, p_until bigint
) RETURNS TABLE (
  queue text, nr bigint, id text, state text, score bigint, enqueued_at bigint, message bytea, payload bytea, run bytea, token bigint,
  nonce bigint, worker text, cancel bytea, head bigint[])
LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  v_queue int;
  -- With what is no printable ASCII written in it, so that bytes can be compared as text is.
  v_error text := lower(encode(p_error, 'escape') COLLATE "C");
  v_begins text := CASE WHEN right(p_type, 1) = '*' THEN left(p_type, -1) END;
  v_is_timed boolean := p_since IS NOT NULL OR p_until IS NOT NULL;
  v_since bigint := coalesce(p_since, -9223372036854775808);
  v_until bigint := coalesce(p_until, 9223372036854775807);
  v_row record;
  v_looked int := 0;
  v_found int := 0;
  v_bytes bigint := 0;
  v_is_full boolean := false;
  v_first bigint := p_first;
  v_second bigint := p_second;
BEGIN
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue;
  FOR v_row IN
    SELECT w.*, j.id, j.enqueued_at, j.message, j.payload,
      j.nr IS NOT NULL
        AND (p_type IS NULL OR j.type = p_type OR starts_with(j.type, v_begins))
        AND (p_prefix IS NULL OR starts_with(j.id, p_prefix))
        AND (p_fingerprint IS NULL OR substr(w.run, 5, 1) = '\x46' AND substr(w.run, 9, 8) = p_fingerprint)
        AND NOT EXISTS (SELECT 1 FROM unnest(p_tags) AS tag WHERE position(tag IN j.message) = 0)
        AND (v_error IS NULL OR position(v_error IN lower(encode(w.run, 'escape') COLLATE "C")) > 0)
        AND (NOT v_is_timed
          OR coalesce(coalesce(w.ended_at, spanq.changed_at(w.run, j.enqueued_at)) BETWEEN v_since AND v_until, true)) AS is_wanted
    FROM spanq.walk(v_queue, p_state, p_first, p_second, p_most, p_is_reverse, p_since, p_until, p_fingerprint) WITH ORDINALITY
      AS w (nr, first, second, score, ended_at, run, token, nonce, worker, cancel, place)
      LEFT JOIN spanq.job j ON j.nr = w.nr
    ORDER BY w.place
  LOOP
    v_looked := v_looked + 1;
    v_first := v_row.first;
    v_second := v_row.second;
    CONTINUE WHEN v_row.is_wanted IS NOT TRUE;
    queue := p_queue; nr := v_row.nr; id := v_row.id; state := p_state; score := v_row.score; enqueued_at := v_row.enqueued_at;
    message := v_row.message; payload := v_row.payload; run := v_row.run; token := v_row.token; nonce := v_row.nonce;
    worker := v_row.worker; cancel := v_row.cancel;
    RETURN NEXT;
    v_found := v_found + 1;
    v_bytes := v_bytes + octet_length(v_row.payload);
    v_is_full := v_found >= p_limit OR v_bytes >= 4194304;
    EXIT WHEN v_is_full;
  END LOOP;
  queue := NULL; nr := NULL; id := NULL; state := NULL; score := NULL; enqueued_at := NULL; message := NULL; payload := NULL;
  run := NULL; token := NULL; nonce := NULL; worker := NULL; cancel := NULL;
  head := ARRAY[v_looked, (NOT v_is_full AND v_looked < p_most)::int, v_first, v_second];
  RETURN NEXT;
END $$;

-- A step that only counts, by type. The last row has the `head` of a search.
CREATE FUNCTION spanq.types_1(p_queue text, p_state text, p_first bigint, p_second bigint, p_most int, p_is_reverse boolean)
RETURNS TABLE (type text, count bigint, head bigint[])
LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  v_queue int;
BEGIN
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue;
  RETURN QUERY
  WITH looked AS MATERIALIZED (
    SELECT w.place, w.first, w.second, coalesce(j.type, '') AS type
    FROM spanq.walk(v_queue, p_state, p_first, p_second, p_most, p_is_reverse, NULL, NULL, NULL) WITH ORDINALITY
      AS w (nr, first, second, score, ended_at, run, token, nonce, worker, cancel, place)
      LEFT JOIN spanq.job j ON j.nr = w.nr
  )
  SELECT looked.type::text, count(*), NULL::bigint[] FROM looked GROUP BY looked.type
  UNION ALL
  SELECT NULL, NULL, ARRAY[
    count(*), (count(*) < p_most)::int, coalesce((array_agg(looked.first ORDER BY looked.place DESC))[1], p_first),
    coalesce((array_agg(looked.second ORDER BY looked.place DESC))[1], p_second)]
  FROM looked;
END $$;

-- Does to some jobs of a queue that are in one of some states what a person asked for; actions and outcomes are those of act_1. A job
-- in another state is left alone (i), unless it is where the action would bring it. Under the lock of the queue.
CREATE FUNCTION spanq.act_on_all(
  p_queue int, p_action text, p_ids text[], p_states text[], p_reason text, p_by text, p_now bigint
) RETURNS TABLE (place int, outcome text, state text, owner text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_to text := CASE p_action WHEN 'c' THEN 'x' WHEN 'b' THEN 'd' WHEN 'v' THEN 'r' END;
  v_note bytea := spanq.note(p_now, CASE WHEN p_action = 'v' THEN '' ELSE p_reason END, p_by);
  v_done int[];
  v_told int[];
  v_seen int[];
  v_state text;
  i int;
BEGIN
  -- Those for which nothing has to be looked at but their state: all in one go.
  IF p_action IN ('c', 'b') THEN
    WITH asked AS MATERIALIZED (
      SELECT u.o::int AS o, j.nr, j.message
      FROM unnest(p_ids) WITH ORDINALITY AS u (id, o) JOIN spanq.job j ON j.queue = p_queue AND j.id = u.id
    ), gone AS (
      DELETE FROM spanq.live l USING asked
      WHERE l.nr = asked.nr AND l.state IN ('s', 'r', 't') AND l.state::text = ANY (p_states)
      RETURNING asked.o, asked.message, l.nr, l.state, l.run, l.last_token, l.nonce
    ), ended AS (
      INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, nonce, run)
      SELECT nr, p_queue, v_to::"char", nextval('spanq.place'), p_now, last_token, nonce, spanq.noted(run, upper(p_action), v_note)
      FROM (SELECT * FROM gone ORDER BY o) g
    ), freed AS (
      DELETE FROM spanq.lock k USING gone
      WHERE k.queue = p_queue AND k.digest = spanq.lock_of(gone.message) AND k.nr = gone.nr AND k.until IS NULL
    ), counted AS (
      INSERT INTO spanq.tally (queue, s, r, t, d, x, dead, cancelled)
      SELECT p_queue, -count(*) FILTER (WHERE state = 's'), -count(*) FILTER (WHERE state = 'r'), -count(*) FILTER (WHERE state = 't'),
        count(*) FILTER (WHERE v_to = 'd'), count(*) FILTER (WHERE v_to = 'x'), count(*) FILTER (WHERE v_to = 'd'),
        count(*) FILTER (WHERE v_to = 'x')
      FROM gone HAVING count(*) > 0
    )
    SELECT array_agg(o) INTO v_done FROM gone;
    IF p_action = 'c' AND 'a' = ANY (p_states) THEN
      WITH asked AS MATERIALIZED (
        SELECT u.o::int AS o, l.nr
        FROM unnest(p_ids) WITH ORDINALITY AS u (id, o) JOIN spanq.job j ON j.queue = p_queue AND j.id = u.id
          JOIN spanq.live l ON l.nr = j.nr
        WHERE l.state = 'a' ORDER BY l.nr FOR UPDATE OF l
      ), told AS (
        UPDATE spanq.live SET cancel = v_note FROM asked WHERE live.nr = asked.nr AND live.state = 'a' RETURNING asked.o
      )
      SELECT array_agg(o) INTO v_told FROM told;
    END IF;
  ELSIF p_action = 'v' AND 'd' = ANY (p_states) THEN
    WITH asked AS MATERIALIZED (
      SELECT u.o::int AS o, j.nr, j.priority
      FROM unnest(p_ids) WITH ORDINALITY AS u (id, o) JOIN spanq.job j ON j.queue = p_queue AND j.id = u.id
      WHERE spanq.lock_of(j.message) IS NULL
    ), gone AS (
      DELETE FROM spanq.done d USING asked WHERE d.nr = asked.nr AND d.state = 'd'
      RETURNING asked.o, asked.priority, d.nr, d.run, d.last_token, d.nonce
    ), back AS (
      INSERT INTO spanq.live (nr, queue, state, score, nonce, last_token, run)
      SELECT nr, p_queue, 'r', spanq.line(priority) + nextval('spanq.place'), nonce, last_token,
        spanq.noted('\x01000000'::bytea || substr(run, 5), 'V', v_note)
      FROM (SELECT * FROM gone ORDER BY o) g
    ), counted AS (
      INSERT INTO spanq.tally (queue, d, r) SELECT p_queue, -count(*), count(*) FROM gone HAVING count(*) > 0
    )
    SELECT array_agg(o) INTO v_done FROM gone;
  ELSIF p_action = 'v' THEN
    WITH asked AS MATERIALIZED (
      SELECT f.o, f.nr, f.was, spanq.line(f.priority) + nextval('spanq.place') AS score
      FROM (
        SELECT u.o::int AS o, l.nr, l.state AS was, j.priority
        FROM unnest(p_ids) WITH ORDINALITY AS u (id, o) JOIN spanq.job j ON j.queue = p_queue AND j.id = u.id
          JOIN spanq.live l ON l.nr = j.nr
        WHERE l.state IN ('s', 't') AND l.state::text = ANY (p_states) ORDER BY u.o) f
    ), back AS (
      UPDATE spanq.live l SET state = 'r', score = asked.score, run = spanq.noted(l.run, 'V', v_note)
      FROM asked WHERE l.nr = asked.nr AND l.state IN ('s', 't')
      RETURNING asked.o, asked.was
    ), counted AS (
      INSERT INTO spanq.tally (queue, s, t, r)
      SELECT p_queue, -count(*) FILTER (WHERE was = 's'), -count(*) FILTER (WHERE was = 't'), count(*) FROM back HAVING count(*) > 0
    )
    SELECT array_agg(o) INTO v_done FROM back;
  ELSE
    WITH asked AS MATERIALIZED (
      SELECT u.o::int AS o, j.nr, j.message
      FROM unnest(p_ids) WITH ORDINALITY AS u (id, o) JOIN spanq.job j ON j.queue = p_queue AND j.id = u.id
    ), from_live AS (
      DELETE FROM spanq.live l USING asked
      WHERE l.nr = asked.nr AND l.state IN ('s', 'r', 't') AND l.state::text = ANY (p_states)
      RETURNING asked.o, asked.message, l.nr, l.state
    ), from_done AS (
      DELETE FROM spanq.done d USING asked WHERE d.nr = asked.nr AND d.state::text = ANY (p_states)
      RETURNING asked.o, asked.message, d.nr, d.state
    ), gone AS (
      SELECT * FROM from_live UNION ALL SELECT * FROM from_done
    ), jobs AS (
      DELETE FROM spanq.job USING gone WHERE job.nr = gone.nr
    ), freed AS (
      DELETE FROM spanq.lock k USING gone
      WHERE k.queue = p_queue AND k.digest = spanq.lock_of(gone.message) AND k.nr = gone.nr AND k.until IS NULL
    ), counted AS (
      INSERT INTO spanq.tally (queue, s, r, t, c, k, d, x, removed)
      SELECT p_queue, -count(*) FILTER (WHERE state = 's'), -count(*) FILTER (WHERE state = 'r'), -count(*) FILTER (WHERE state = 't'),
        -count(*) FILTER (WHERE state = 'c'), -count(*) FILTER (WHERE state = 'k'), -count(*) FILTER (WHERE state = 'd'),
        -count(*) FILTER (WHERE state = 'x'), count(*)
      FROM gone HAVING count(*) > 0
    )
    SELECT array_agg(o) INTO v_done FROM gone;
  END IF;
  RETURN QUERY
  SELECT o, 'd', v_to, NULL::text FROM unnest(v_done) AS o
  UNION ALL
  SELECT o, 'q', 'a', NULL::text FROM unnest(v_told) AS o;
  -- The others one by one.
  v_seen := coalesce(v_done, '{}') || coalesce(v_told, '{}');
  FOR i IN 1..cardinality(p_ids) LOOP
    CONTINUE WHEN i = ANY (v_seen);
    SELECT coalesce(l.state, d.state)::text INTO v_state
    FROM spanq.job j LEFT JOIN spanq.live l ON l.nr = j.nr LEFT JOIN spanq.done d ON d.nr = j.nr
    WHERE j.queue = p_queue AND j.id = p_ids[i];
    IF v_state IS NULL THEN
      RETURN QUERY SELECT i, 'n', NULL::text, NULL::text;
    ELSIF v_state = v_to THEN
      RETURN QUERY SELECT i, 'd', v_to, NULL::text;
    ELSIF v_state <> ALL (p_states) THEN
      RETURN QUERY SELECT i, 'i', v_state, NULL::text;
    ELSE
      RETURN QUERY
      SELECT i, a.outcome, a.state, a.owner FROM spanq.act_on(p_queue, p_action, p_ids[i], p_reason, p_by, p_now) a;
    END IF;
  END LOOP;
END $$;

-- Does to some jobs of a queue that are in one of some states what a person asked for: one row for each, by its place among the ids.
CREATE FUNCTION spanq.act_many_1(p_queue text, p_action text, p_ids text[], p_states text[], p_reason text, p_by text)
RETURNS TABLE (place int, outcome text, state text, owner text)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_queue int := spanq.queue_to_move(p_queue);
BEGIN
  IF v_queue IS NULL THEN
    RETURN QUERY SELECT i, 'n', NULL::text, NULL::text FROM generate_series(1, cardinality(p_ids)) AS i;
    RETURN;
  END IF;
  PERFORM spanq.alone(v_queue);
  RETURN QUERY SELECT * FROM spanq.act_on_all(v_queue, p_action, p_ids, p_states, p_reason, p_by, spanq.clock() / 1000);
END $$;

-- Removes or redrives jobs of one state, oldest first. Of dead and cancelled jobs those that ended until a moment may be chosen.
CREATE FUNCTION spanq.bulk_2(
  p_queue text, p_states text[], p_action text, p_limit int, p_not_after bigint, p_skip int, p_by text
) RETURNS TABLE (done int, skipped int)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
#variable_conflict use_column
DECLARE
  v_queue int := spanq.queue_to_move(p_queue);
  v_ids text[] := '{}';
  v_state text;
BEGIN
  IF v_queue IS NULL THEN
    RETURN QUERY SELECT 0, 0;
    RETURN;
  END IF;
  PERFORM spanq.alone(v_queue);
  FOREACH v_state IN ARRAY p_states LOOP
    v_ids := v_ids || ARRAY(
      SELECT j.id
      FROM spanq.walk(v_queue, v_state, NULL, NULL, p_limit + p_skip, false, NULL, p_not_after, NULL) WITH ORDINALITY
        AS w (nr, first, second, score, ended_at, run, token, nonce, worker, cancel, place)
        JOIN spanq.job j ON j.nr = w.nr
      ORDER BY w.place);
  END LOOP;
  RETURN QUERY
  SELECT (count(*) FILTER (WHERE outcome = 'd'))::int, (count(*) FILTER (WHERE outcome <> 'd'))::int
  FROM spanq.act_on_all(
    v_queue, p_action, v_ids[p_skip + 1 : p_skip + p_limit], p_states, '', p_by, spanq.clock() / 1000);
END $$;
