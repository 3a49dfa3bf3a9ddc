-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- What must hold, checked, and repairs of what does not. Each move of a job is one transaction, and a statement sees all of one or nothing:
-- so what a statement finds wrong is wrong, whatever else goes on.

-- How often a job may be retried, as its message has it.
CREATE FUNCTION spanq.max_retries(p_message bytea) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_flags int := get_byte(p_message, 1);
  v_at int := 3;
  v_presence int;
BEGIN
  v_at := v_at + CASE WHEN v_flags & 1 = 1 THEN 16 ELSE 0 END + CASE WHEN v_flags & 8 = 8 THEN 8 ELSE 0 END;
  IF get_byte(p_message, 0) > 1 THEN
    v_at := v_at + 1 + get_byte(p_message, v_at);
    v_presence := get_byte(p_message, v_at + 1);
    v_at := v_at + 2;
  ELSE
    v_presence := get_byte(p_message, v_at);
    v_at := v_at + 1;
  END IF;
  v_at := v_at + CASE WHEN v_presence & 1 = 1 THEN 9 ELSE 0 END;
  v_at := v_at + 1 + get_byte(p_message, v_at);
  RETURN get_byte(p_message, v_at) * 256 + get_byte(p_message, v_at + 1);
END $$;

-- Whether the tokens of a job's attempts rise, up to the one of the attempt that runs.
CREATE FUNCTION spanq.tokens_rise(p_run bytea, p_token bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_at int := 4;
  v_size int := length(p_run);
  v_token bigint;
  v_last bigint := -1;
BEGIN
  WHILE v_at + 15 <= v_size LOOP
    IF get_byte(p_run, v_at) = 65 THEN
      v_token := ('x' || encode(substr(p_run, v_at + 8, 8), 'hex'))::bit(64)::bigint;
      IF v_token <= v_last THEN RETURN false; END IF;
      v_last := v_token;
    END IF;
    v_at := v_at + 4 + get_byte(p_run, v_at + 1) * 65536 + get_byte(p_run, v_at + 2) * 256 + get_byte(p_run, v_at + 3);
  END LOOP;
  RETURN p_token IS NULL OR p_token > v_last;
END $$;

-- Whether the record of a dead letter says why it is one.
CREATE FUNCTION spanq.has_reason(p_run bytea) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(
    (SELECT e.tag = 'B' OR e.tag = 'L' AND substr(e.body, 1, 1) = 'd'::bytea OR e.tag = 'A' AND get_byte(e.body, 31) & 2 = 2
     FROM spanq.last_event(p_run) e), false)
$$;

-- Whether a job that has not ended must hold the lock that its message names. One until the start is given up by the first claim.
CREATE FUNCTION spanq.must_hold(p_message bytea, p_state "char", p_last_token bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE get_byte(p_message, 1) & 7 WHEN 1 THEN true WHEN 3 THEN p_state <> 'a' AND p_last_token = 0 ELSE false END
$$;

-- Whether a job may hold a lock that has no end.
CREATE FUNCTION spanq.may_hold(p_queue int, p_nr bigint, p_digest bytea) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT 1 FROM spanq.job j JOIN spanq.live l ON l.nr = j.nr AND l.queue = j.queue
    WHERE j.nr = p_nr AND j.queue = p_queue AND spanq.lock_of(j.message) = p_digest
      AND NOT (l.state = 'a' AND get_byte(j.message, 1) & 7 = 3))
$$;

-- What must be added to what is counted in a queue, so that it is right.
CREATE FUNCTION spanq.tally_gap(p_queue int) RETURNS SETOF spanq.tally LANGUAGE sql STABLE AS $$
  WITH there AS (
    SELECT count(*) FILTER (WHERE state = 's') AS s, count(*) FILTER (WHERE state = 'r') AS r, count(*) FILTER (WHERE state = 'a') AS a,
      count(*) FILTER (WHERE state = 't') AS t, count(*) FILTER (WHERE state = 'c') AS c, count(*) FILTER (WHERE state = 'k') AS k,
      count(*) FILTER (WHERE state = 'd') AS d, count(*) FILTER (WHERE state = 'x') AS x
    FROM (SELECT state FROM spanq.live WHERE queue = p_queue UNION ALL SELECT state FROM spanq.done WHERE queue = p_queue) states
  ), told AS (
    SELECT coalesce(sum(s), 0) AS s, coalesce(sum(h), 0) AS h, coalesce(sum(r), 0) AS r, coalesce(sum(a), 0) AS a,
      coalesce(sum(t), 0) AS t, coalesce(sum(c), 0) AS c, coalesce(sum(k), 0) AS k, coalesce(sum(d), 0) AS d, coalesce(sum(x), 0) AS x,
      coalesce(sum(enqueued), 0) - coalesce(sum(removed), 0) AS jobs, coalesce(sum(completed), 0) AS completed,
      coalesce(sum(dead), 0) AS dead, coalesce(sum(cancelled), 0) AS cancelled
    FROM spanq.tally WHERE queue = p_queue
  ), jobs AS (
    SELECT count(*) AS n FROM spanq.job WHERE queue = p_queue
  )
  -- Totals only rise, so that what is derived from them never falls.
  SELECT p_queue, there.s - told.s, -told.h, there.r - told.r, there.a - told.a, there.t - told.t, there.c - told.c, there.k - told.k,
    there.d - told.d, there.x - told.x, greatest(jobs.n - told.jobs, 0), greatest(there.c + there.k - told.completed, 0),
    greatest(there.d - told.dead, 0), greatest(there.x - told.cancelled, 0), greatest(told.jobs - jobs.n, 0)
  FROM there, told, jobs
$$;

-- What is wrong in a queue: at most `p_most` violations, by the rules of `spanq audit`. A subject is a job's id; a row's number, `#7`, where
-- there is no job; a lock's digest; the queue. The last row has how many jobs there are.
CREATE FUNCTION spanq.audit_1(p_queue text, p_max_reclaims int, p_most int)
RETURNS TABLE (rule text, subject text, detail text, jobs bigint)
LANGUAGE plpgsql STABLE SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_queue int := spanq.queue_to_move(p_queue);
BEGIN
  -- One statement, so that all of it is of one moment.
  RETURN QUERY
  WITH violations AS (
    SELECT r.rule, f.id::text AS subject, r.detail
    FROM (
      SELECT j.id, j.message, l.state AS live, d.state AS done, l.worker, l.nonce, l.cancel, l.token, l.last_token,
        coalesce(l.run, d.run) AS run, length(j.message) >= 33 AND get_byte(j.message, 0) > 0 AS is_readable,
        length(j.message) >= 33 AND get_byte(j.message, 0) IN (1, 2) AS is_known,
        coalesce(l.run, d.run) IS NULL OR length(coalesce(l.run, d.run)) >= 4 AND get_byte(coalesce(l.run, d.run), 0) = 1 AS has_run,
        j.nr
      FROM spanq.job j LEFT JOIN spanq.live l ON l.nr = j.nr AND l.queue = j.queue
        LEFT JOIN spanq.done d ON d.nr = j.nr AND d.queue = j.queue
      WHERE j.queue = v_queue
    ) f CROSS JOIN LATERAL unnest(
      ARRAY[
        CASE WHEN f.live IS NOT NULL AND f.done IS NOT NULL THEN 'one-set' END,
        CASE WHEN f.live IS NULL AND f.done IS NULL THEN 'message-without-set' END,
        CASE WHEN f.live = 'a' AND (f.worker IS NULL OR f.nonce IS NULL) THEN 'active-without-lease' END,
        CASE WHEN f.live <> 'a' AND f.cancel IS NOT NULL THEN 'orphan-cancelling' END,
        CASE WHEN NOT f.is_readable THEN 'unreadable-message' END,
        CASE WHEN length(f.run) < 4 OR get_byte(f.run, 0) = 0 THEN 'unreadable-run' END,
        CASE WHEN f.is_known AND f.has_run AND get_byte(f.run, 1) * 256 + get_byte(f.run, 2) > 1
            AND get_byte(f.run, 1) * 256 + get_byte(f.run, 2) > spanq.max_retries(f.message) + 1
          THEN 'attempts-exceeded' END,
        CASE WHEN f.has_run AND get_byte(f.run, 3) > p_max_reclaims THEN 'reclaims-exceeded' END,
        CASE WHEN f.has_run AND f.run IS NOT NULL AND NOT spanq.tokens_rise(f.run, f.token) THEN 'token-order' END,
        CASE WHEN f.has_run AND f.done = 'd' AND NOT spanq.has_reason(f.run) THEN 'dead-without-reason' END,
        CASE WHEN f.is_known AND f.live IS NOT NULL AND spanq.must_hold(f.message, f.live, f.last_token) AND NOT EXISTS (
            SELECT 1 FROM spanq.lock k
            WHERE k.queue = v_queue AND k.digest = spanq.lock_of(f.message) AND k.nr = f.nr AND k.until IS NULL)
          THEN 'lock-missing' END
      ], ARRAY[
        format('has not ended (%s), and has ended (%s)', f.live, f.done), 'is in no state', 'is active, and no worker has it',
        'has a cancel that was asked for, and is not active', 'its message can not be read', 'its runs can not be read',
        'had more attempts than it may have', format('was reclaimed more than %s times', p_max_reclaims), 'its tokens do not rise',
        'is dead, and nothing says why', 'does not hold its unique lock'
      ]) AS r (rule, detail)
    WHERE r.rule IS NOT NULL
    UNION ALL
    SELECT 'set-without-message', '#' || l.nr, format('is %s, and is not a job', l.state) FROM spanq.live l
    WHERE l.queue = v_queue AND NOT EXISTS (SELECT 1 FROM spanq.job j WHERE j.nr = l.nr AND j.queue = l.queue)
    UNION ALL
    SELECT 'set-without-message', '#' || d.nr, format('is %s, and is not a job', d.state) FROM spanq.done d
    WHERE d.queue = v_queue AND NOT EXISTS (SELECT 1 FROM spanq.job j WHERE j.nr = d.nr AND j.queue = d.queue)
    UNION ALL
    SELECT 'lock-without-owner', encode(k.digest, 'hex'), format('%s has it, and is gone, has ended, or has no such lock', k.id)
    FROM spanq.lock k WHERE k.queue = v_queue AND k.until IS NULL AND NOT spanq.may_hold(k.queue, k.nr, k.digest)
    UNION ALL
    SELECT 'totals', p_queue, 'is counted wrong, there less what is counted: ' || w.words
    FROM spanq.tally_gap(v_queue) g CROSS JOIN LATERAL (
      SELECT string_agg(name || ' ' || to_char(n, 'FMS999999999999'), ', ') AS words
      FROM (VALUES
        ('scheduled', g.s), ('held', g.h), ('ready', g.r), ('active', g.a), ('retrying', g.t), ('completed', g.c),
        ('completed, kept', g.k), ('dead', g.d), ('cancelled', g.x), ('total enqueued', g.enqueued), ('total completed', g.completed),
        ('total dead', g.dead), ('total cancelled', g.cancelled), ('total removed', g.removed)) AS each (name, n)
      WHERE n <> 0
    ) w WHERE w.words IS NOT NULL AND v_queue IS NOT NULL
  )
  (SELECT v.rule, v.subject, v.detail, NULL::bigint FROM violations v LIMIT p_most)
  UNION ALL
  SELECT NULL, NULL, NULL, count(*) FROM spanq.job WHERE queue = v_queue;
END $$;

-- Numbers of queues that have rows and no name.
CREATE FUNCTION spanq.audit_lost_1() RETURNS TABLE (nr int) LANGUAGE sql STABLE AS $$
  SELECT DISTINCT queue FROM (
    SELECT DISTINCT queue FROM spanq.job UNION ALL SELECT DISTINCT queue FROM spanq.live
    UNION ALL SELECT DISTINCT queue FROM spanq.done UNION ALL SELECT DISTINCT queue FROM spanq.lock
    UNION ALL SELECT DISTINCT queue FROM spanq.tally UNION ALL SELECT DISTINCT queue FROM spanq.error
  ) numbers WHERE NOT EXISTS (SELECT 1 FROM spanq.queue q WHERE q.nr = numbers.queue) ORDER BY queue
$$;

-- Repairs one violation, if it is still so. What is moved by that is counted in the end, by a repair of the totals.
CREATE FUNCTION spanq.repair_1(p_queue text, p_rule text, p_subject text) RETURNS boolean LANGUAGE plpgsql SET lock_timeout = '4s'
AS $$
DECLARE
  v_queue int;
  v_nr bigint := CASE WHEN p_subject ~ '^#[0-9]{1,18}$' THEN substr(p_subject, 2)::bigint END;
  v_id text;
  v_message bytea;
  v_now bigint := spanq.clock() / 1000;
BEGIN
  IF p_rule = 'queue-not-listed' THEN
    INSERT INTO spanq.queue (nr, name) OVERRIDING SYSTEM VALUE
    SELECT n.nr, 'lost-' || n.nr FROM spanq.audit_lost_1() n WHERE n.nr = v_nr
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
  END IF;
  v_queue := spanq.queue_to_move(p_queue);
  IF v_queue IS NULL THEN RETURN false; END IF;
  PERFORM spanq.alone(v_queue);
  IF p_rule = 'totals' THEN
    INSERT INTO spanq.tally SELECT * FROM spanq.tally_gap(v_queue) g
    WHERE (g.s, g.h, g.r, g.a, g.t, g.c, g.k, g.d, g.x, g.enqueued, g.completed, g.dead, g.cancelled, g.removed)
      <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    RETURN FOUND;
  END IF;
  IF p_rule = 'set-without-message' THEN
    DELETE FROM spanq.live l WHERE l.nr = v_nr AND l.queue = v_queue
      AND NOT EXISTS (SELECT 1 FROM spanq.job j WHERE j.nr = l.nr AND j.queue = l.queue);
    IF FOUND THEN RETURN true; END IF;
    DELETE FROM spanq.done d WHERE d.nr = v_nr AND d.queue = v_queue
      AND NOT EXISTS (SELECT 1 FROM spanq.job j WHERE j.nr = d.nr AND j.queue = d.queue);
    RETURN FOUND;
  END IF;
  IF p_rule = 'lock-without-owner' THEN
    DELETE FROM spanq.lock k WHERE k.queue = v_queue AND encode(k.digest, 'hex') = p_subject AND k.until IS NULL
      AND NOT spanq.may_hold(k.queue, k.nr, k.digest);
    RETURN FOUND;
  END IF;
  SELECT j.nr, j.id, j.message INTO v_nr, v_id, v_message FROM spanq.job j WHERE j.queue = v_queue AND j.id = p_subject;
  IF NOT FOUND THEN RETURN false; END IF;
  CASE p_rule
    WHEN 'one-set' THEN
      -- Where it runs, or will run: at least once.
      DELETE FROM spanq.done d WHERE d.nr = v_nr AND d.queue = v_queue
        AND EXISTS (SELECT 1 FROM spanq.live l WHERE l.nr = v_nr AND l.queue = v_queue);
    WHEN 'message-without-set' THEN
      IF EXISTS (SELECT 1 FROM spanq.live l WHERE l.nr = v_nr) THEN RETURN false; END IF;
      INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, run)
      VALUES (v_nr, v_queue, 'd', nextval('spanq.place'), v_now, 0,
        spanq.noted(NULL, 'B', spanq.note(v_now, 'found_by_audit', NULL)))
      ON CONFLICT DO NOTHING;
      IF NOT FOUND THEN RETURN false; END IF;
      PERFORM spanq.release_lock(v_queue, v_message, v_nr);
      RETURN true;
    WHEN 'active-without-lease' THEN
      -- A lease of nobody that has run out: the next reclaim takes the job back, and its record tells of it.
      UPDATE spanq.live SET score = v_now, worker = coalesce(worker, 'audit'), nonce = coalesce(nonce, 0)
      WHERE nr = v_nr AND queue = v_queue AND state = 'a' AND (worker IS NULL OR nonce IS NULL);
    WHEN 'orphan-cancelling' THEN
      UPDATE spanq.live SET cancel = NULL WHERE nr = v_nr AND queue = v_queue AND state <> 'a' AND cancel IS NOT NULL;
    WHEN 'dead-without-reason' THEN
      UPDATE spanq.done SET run = spanq.noted(run, 'B', spanq.note(v_now, 'unknown_found_by_audit', NULL))
      WHERE nr = v_nr AND queue = v_queue AND state = 'd' AND NOT spanq.has_reason(run);
    WHEN 'lock-missing' THEN
      IF NOT EXISTS (
        SELECT 1 FROM spanq.live l WHERE l.nr = v_nr AND l.queue = v_queue AND spanq.must_hold(v_message, l.state, l.last_token)
      ) OR EXISTS (
        SELECT 1 FROM spanq.lock k
        WHERE k.queue = v_queue AND k.digest = spanq.lock_of(v_message) AND k.nr = v_nr AND k.until IS NULL
      ) THEN RETURN false; END IF;
      RETURN spanq.take_lock(v_queue, spanq.lock_of(v_message), v_nr, v_id, NULL, v_now);
    ELSE RETURN false;
  END CASE;
  RETURN FOUND;
END $$;
