-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- How attempts went, by minutes and by ten minutes, and ready jobs by priority. Workers tell of their attempts with their heartbeats: the
-- rows of the present moment are added to, and nothing is written where jobs are moved.

-- One row a slot: `seconds` is how long it is, `epoch` its number since 1970, `ready` how many jobs were ready when a worker told last. A
-- queue that is deleted takes its history with it.
CREATE TABLE spanq.history (
  queue int NOT NULL REFERENCES spanq.queue ON DELETE CASCADE,
  seconds int NOT NULL,
  epoch bigint NOT NULL,
  ready bigint NOT NULL,
  completed bigint NOT NULL, retried bigint NOT NULL, dead bigint NOT NULL, other bigint NOT NULL,
  process_ms bigint NOT NULL, wait_ms bigint NOT NULL,
  PRIMARY KEY (queue, seconds, epoch)
) WITH (fillfactor = 50, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- The same by type; '*' is for those of more types than are told apart. `buckets` counts attempts by how long they took.
CREATE TABLE spanq.history_type (
  queue int NOT NULL REFERENCES spanq.queue ON DELETE CASCADE,
  seconds int NOT NULL,
  epoch bigint NOT NULL,
  type text COLLATE "C" NOT NULL,
  completed bigint NOT NULL, retried bigint NOT NULL, dead bigint NOT NULL, other bigint NOT NULL,
  process_ms bigint NOT NULL, wait_ms bigint NOT NULL,
  buckets bigint[] NOT NULL,
  PRIMARY KEY (queue, seconds, epoch, type)
) WITH (fillfactor = 50, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- The rings: how long a slot is, and how many are kept.
CREATE FUNCTION spanq.rings() RETURNS TABLE (seconds int, slots int) LANGUAGE sql IMMUTABLE AS
$$ VALUES (60, 180), (600, 432) $$;

-- Place by place; one that only one of them has counts as it is.
CREATE FUNCTION spanq.added(p_left bigint[], p_right bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(coalesce(u.l, 0) + coalesce(u.r, 0) ORDER BY u.o), '{}')
  FROM unnest(p_left, p_right) WITH ORDINALITY AS u (l, r, o)
$$;

-- Adds to the present slots of a queue. `p_buckets` has those of all types in a row. Of one slot at most `p_most` types are told apart.
-- Who adds to a slot holds its row until the end, so no two add to its types at once.
CREATE FUNCTION spanq.add_history_1(
  p_queue text, p_most int, p_types text[], p_completed bigint[], p_retried bigint[], p_dead bigint[], p_other bigint[],
  p_process bigint[], p_wait bigint[], p_buckets bigint[]
) RETURNS void LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000000;
  v_width int := cardinality(p_buckets) / greatest(1, cardinality(p_types));
  v_queue int;
  v_ready bigint;
  v_ring record;
  v_epoch bigint;
  v_is_new boolean;
  v_types int;
  v_type text;
  i int;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  -- A queue is not deleted meanwhile.
  PERFORM pg_advisory_xact_lock_shared('spanq.queue'::regclass::oid::int4, hashtext(p_queue));
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT coalesce(sum(r), 0) INTO v_ready FROM spanq.tally WHERE queue = v_queue;
  FOR v_ring IN SELECT * FROM spanq.rings() ORDER BY seconds LOOP
    v_epoch := v_now / v_ring.seconds;
    INSERT INTO spanq.history AS h
    SELECT v_queue, v_ring.seconds, v_epoch, v_ready, sum(u.completed), sum(u.retried), sum(u.dead), sum(u.other),
      sum(u.process_ms), sum(u.wait_ms)
    FROM unnest(p_completed, p_retried, p_dead, p_other, p_process, p_wait)
      AS u (completed, retried, dead, other, process_ms, wait_ms)
    ON CONFLICT (queue, seconds, epoch) DO UPDATE SET ready = EXCLUDED.ready, completed = h.completed + EXCLUDED.completed,
      retried = h.retried + EXCLUDED.retried, dead = h.dead + EXCLUDED.dead, other = h.other + EXCLUDED.other,
      process_ms = h.process_ms + EXCLUDED.process_ms, wait_ms = h.wait_ms + EXCLUDED.wait_ms
    RETURNING xmax = 0 INTO v_is_new;
    -- Who begins a slot removes those that nobody is shown any more.
    IF v_is_new THEN
      DELETE FROM spanq.history WHERE queue = v_queue AND seconds = v_ring.seconds AND epoch <= v_epoch - v_ring.slots;
      DELETE FROM spanq.history_type WHERE queue = v_queue AND seconds = v_ring.seconds AND epoch <= v_epoch - v_ring.slots;
    END IF;
    SELECT count(*) INTO v_types FROM spanq.history_type
    WHERE queue = v_queue AND seconds = v_ring.seconds AND epoch = v_epoch AND type <> '*';
    FOR i IN 1..cardinality(p_types) LOOP
      v_type := p_types[i];
      IF v_types >= p_most AND NOT EXISTS (
        SELECT 1 FROM spanq.history_type
        WHERE queue = v_queue AND seconds = v_ring.seconds AND epoch = v_epoch AND type = v_type)
      THEN v_type := '*'; END IF;
      INSERT INTO spanq.history_type AS h
      VALUES (v_queue, v_ring.seconds, v_epoch, v_type, p_completed[i], p_retried[i], p_dead[i], p_other[i], p_process[i], p_wait[i],
        p_buckets[(i - 1) * v_width + 1 : i * v_width])
      ON CONFLICT (queue, seconds, epoch, type) DO UPDATE SET completed = h.completed + EXCLUDED.completed,
        retried = h.retried + EXCLUDED.retried, dead = h.dead + EXCLUDED.dead, other = h.other + EXCLUDED.other,
        process_ms = h.process_ms + EXCLUDED.process_ms, wait_ms = h.wait_ms + EXCLUDED.wait_ms,
        buckets = spanq.added(h.buckets, EXCLUDED.buckets)
      RETURNING xmax = 0 INTO v_is_new;
      IF v_is_new AND v_type <> '*' THEN v_types := v_types + 1; END IF;
    END LOOP;
  END LOOP;
END $$;

-- The last slots of queues, the oldest first; behind each one those of its types, where they are wanted.
CREATE FUNCTION spanq.history_1(p_queues text[], p_seconds int, p_count int, p_names_types boolean)
RETURNS TABLE (
  place int, epoch bigint, ready bigint, completed bigint, retried bigint, dead bigint, other bigint, process_ms bigint, wait_ms bigint,
  type text, buckets bigint[])
LANGUAGE sql STABLE AS $$
  WITH wanted AS (
    SELECT n.o::int AS place, q.nr, spanq.clock() / 1000000 / p_seconds AS present
    FROM unnest(p_queues) WITH ORDINALITY AS n (name, o) JOIN spanq.queue q ON q.name = n.name
  )
  SELECT w.place, h.epoch, h.ready, h.completed, h.retried, h.dead, h.other, h.process_ms, h.wait_ms, NULL::text AS type,
    NULL::bigint[]
  FROM wanted w JOIN spanq.history h ON h.queue = w.nr
  WHERE h.seconds = p_seconds AND h.epoch > w.present - p_count AND h.epoch <= w.present
  UNION ALL
  SELECT w.place, h.epoch, NULL::bigint, h.completed, h.retried, h.dead, h.other, h.process_ms, h.wait_ms, h.type, h.buckets
  FROM wanted w JOIN spanq.history_type h ON h.queue = w.nr
  WHERE p_names_types AND h.seconds = p_seconds AND h.epoch > w.present - p_count AND h.epoch <= w.present
  ORDER BY place, epoch, type NULLS FIRST
$$;

-- How many jobs of each queue are ready at level 0, 1 … 9. No more than `p_most` of a level are looked at. One level that has more has what
-- the sum of all leaves for it; several share that by the length of their lines, which is an estimate.
CREATE FUNCTION spanq.levels_1(p_queues text[], p_most int) RETURNS TABLE (place int, ready bigint[])
LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_half bigint := 1::bigint << 57;
  v_queue int;
  v_left bigint;
  v_count bigint;
  v_edge bigint;
  v_last bigint;
  v_beyond bigint[];
  v_wide numeric;
  v_share bigint;
  i int;
  v_level int;
BEGIN
  FOR i IN 1..cardinality(p_queues) LOOP
    place := i;
    ready := array_fill(0::bigint, ARRAY[10]);
    v_beyond := ready;
    SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queues[i];
    SELECT coalesce(sum(r), 0) INTO v_left FROM spanq.tally WHERE queue = v_queue;
    FOR v_level IN 0..9 LOOP
      EXIT WHEN v_left <= 0;
      SELECT count(*), max(f.score) INTO v_count, v_edge FROM (
        SELECT score FROM spanq.live
        WHERE queue = v_queue AND state = 'r' AND score >= spanq.line(v_level) - v_half AND score < spanq.line(v_level) + v_half
        ORDER BY queue, state, score LIMIT p_most) f;
      ready[v_level + 1] := v_count;
      v_left := v_left - v_count;
      CONTINUE WHEN v_count < p_most;
      SELECT score INTO v_last FROM spanq.live
      WHERE queue = v_queue AND state = 'r' AND score >= spanq.line(v_level) - v_half AND score < spanq.line(v_level) + v_half
      ORDER BY queue DESC, state DESC, score DESC LIMIT 1;
      v_beyond[v_level + 1] := v_last - v_edge;
    END LOOP;
    v_wide := (SELECT sum(b) FROM unnest(v_beyond) AS b);
    FOR v_level IN 0..9 LOOP
      EXIT WHEN v_left <= 0 OR v_wide <= 0;
      -- The last one gets all that is left.
      v_share := round(v_left::numeric * v_beyond[v_level + 1] / v_wide);
      ready[v_level + 1] := ready[v_level + 1] + v_share;
      v_left := v_left - v_share;
      v_wide := v_wide - v_beyond[v_level + 1];
    END LOOP;
    RETURN NEXT;
  END LOOP;
END $$;

-- Roles that may use the tables of before may use these as well.
DO $$
DECLARE
  v_right record;
BEGIN
  FOR v_right IN
    SELECT DISTINCT a.grantee, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.oid = 'spanq.tally'::regclass AND a.grantee NOT IN (0, c.relowner)
  LOOP
    EXECUTE format('GRANT %s ON spanq.history, spanq.history_type TO %I', v_right.privilege_type, pg_get_userbyid(v_right.grantee));
  END LOOP;
END $$;
