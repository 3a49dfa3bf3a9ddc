-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Counts of errors by group. Workers tell of them with their heartbeats, and each call adds rows: no row is ever updated, so that
-- thousand workers whose jobs fail alike do not wait for each other. The sweep folds them.

-- A row without a fingerprint is of groups that gave way to newer ones. Texts of handlers may hold what no text of Postgres can.
CREATE TABLE spanq.error (
  queue int NOT NULL,
  fingerprint bigint,
  first_seen bigint NOT NULL,
  last_seen bigint NOT NULL,
  count bigint NOT NULL,
  job_type text NOT NULL,
  error_type bytea NOT NULL,
  masked bytea NOT NULL,
  version text NOT NULL
) WITH (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX error_queue ON spanq.error (queue);

-- Rows of one queue, one a group. Of more groups than `p_most` those that were seen longest ago become one without a fingerprint.
CREATE FUNCTION spanq.error_groups(p_rows spanq.error[], p_most int) RETURNS SETOF spanq.error LANGUAGE sql IMMUTABLE AS $$
  WITH grouped AS (
    SELECT queue, fingerprint, min(first_seen) AS first_seen, max(last_seen) AS last_seen, sum(count) AS count,
      (array_agg(job_type ORDER BY last_seen DESC))[1] AS job_type,
      (array_agg(error_type ORDER BY last_seen DESC))[1] AS error_type,
      (array_agg(masked ORDER BY last_seen DESC))[1] AS masked,
      (array_agg(version ORDER BY last_seen DESC))[1] AS version
    FROM unnest(p_rows) GROUP BY queue, fingerprint
  ), placed AS (
    SELECT *, fingerprint IS NOT NULL AND (
        count(*) OVER () <= p_most OR row_number() OVER (ORDER BY fingerprint IS NULL, last_seen DESC, fingerprint) < p_most) AS is_kept
    FROM grouped
  ), named AS (
    SELECT queue, CASE WHEN is_kept THEN fingerprint END AS fingerprint, first_seen, last_seen, count,
      CASE WHEN is_kept THEN job_type ELSE '' END AS job_type, CASE WHEN is_kept THEN error_type ELSE '' END AS error_type,
      CASE WHEN is_kept THEN masked ELSE '' END AS masked, CASE WHEN is_kept THEN version ELSE '' END AS version
    FROM placed
  )
  SELECT queue, fingerprint, min(first_seen), max(last_seen), sum(count)::bigint, job_type, error_type, masked, version
  FROM named GROUP BY queue, fingerprint, job_type, error_type, masked, version
$$;

CREATE FUNCTION spanq.add_errors_1(
  p_queue text, p_version text, p_fingerprints bigint[], p_counts bigint[], p_job_types text[], p_error_types bytea[], p_masked bytea[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO spanq.error (queue, fingerprint, first_seen, last_seen, count, job_type, error_type, masked, version)
  SELECT q.nr, u.fingerprint, v_now, v_now, u.count, u.job_type, u.error_type, u.masked, p_version
  FROM spanq.queue q, unnest(p_fingerprints, p_counts, p_job_types, p_error_types, p_masked)
    AS u (fingerprint, count, job_type, error_type, masked)
  WHERE q.name = p_queue;
END $$;

CREATE FUNCTION spanq.errors_1(p_queue text, p_most int) RETURNS SETOF spanq.error LANGUAGE sql STABLE AS $$
  SELECT * FROM spanq.error_groups(
    (SELECT array_agg(e) FROM spanq.error e WHERE e.queue = (SELECT nr FROM spanq.queue WHERE name = p_queue)), p_most)
$$;

-- Makes the rows of a queue one a group, once there are many more.
CREATE FUNCTION spanq.fold_errors_1(p_queue text, p_most int) RETURNS void LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan SET lock_timeout = '4s'
AS $$
DECLARE
  v_queue int;
  v_rows bigint;
  v_groups bigint;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT nr INTO v_queue FROM spanq.queue WHERE name = p_queue;
  SELECT count(*), count(DISTINCT fingerprint) INTO v_rows, v_groups FROM spanq.error WHERE queue = v_queue;
  IF v_rows <= least(v_groups, p_most) + 64 THEN RETURN; END IF;
  -- One at a time: another one has nothing to do.
  IF NOT pg_try_advisory_xact_lock('spanq.error'::regclass::oid::int4, v_queue) THEN RETURN; END IF;
  WITH gone AS (DELETE FROM spanq.error WHERE queue = v_queue RETURNING *)
  INSERT INTO spanq.error
  SELECT * FROM spanq.error_groups((SELECT array_agg(ROW(gone.*)::spanq.error) FROM gone), p_most);
END $$;

-- The groups, for people; `dead_job` is the latest dead letter of a group.
CREATE VIEW spanq.errors AS
SELECT q.name AS queue, lpad(to_hex(g.fingerprint), 16, '0') AS fingerprint, g.job_type, spanq.text_of(g.error_type) AS error_type,
  spanq.text_of(g.masked) AS error, g.count, to_timestamp(g.first_seen / 1000.0) AS first_seen,
  to_timestamp(g.last_seen / 1000.0) AS last_seen, g.version,
  (SELECT j.id FROM spanq.done d JOIN spanq.job j ON j.nr = d.nr
   WHERE d.queue = q.nr AND d.state = 'd' AND substr(d.run, 5, 1) = '\x46' AND substr(d.run, 9, 8) = int8send(g.fingerprint)
   ORDER BY d.ended_at DESC, d.score DESC LIMIT 1) AS dead_job
FROM spanq.queue q CROSS JOIN LATERAL spanq.errors_1(q.name, 500) g;

CREATE OR REPLACE FUNCTION spanq.delete_1(p_queue text) RETURNS text LANGUAGE plpgsql SET lock_timeout = '4s' AS $$
DECLARE
  v_queue int;
BEGIN
  PERFORM pg_advisory_xact_lock('spanq.queue'::regclass::oid::int4, hashtext(p_queue));
  v_queue := spanq.queue_to_move(p_queue);
  IF v_queue IS NULL THEN RETURN 'n'; END IF;
  IF EXISTS (SELECT 1 FROM spanq.job WHERE queue = v_queue) THEN RETURN 'j'; END IF;
  DELETE FROM spanq.lock WHERE queue = v_queue;
  DELETE FROM spanq.tally WHERE queue = v_queue;
  DELETE FROM spanq.error WHERE queue = v_queue;
  DELETE FROM spanq.idle WHERE queue = p_queue;
  DELETE FROM spanq.queue WHERE nr = v_queue;
  RETURN 'd';
END $$;

-- Whoever may use the tables that were there before may use these as well.
DO $$
DECLARE
  v_right record;
BEGIN
  FOR v_right IN
    SELECT DISTINCT a.grantee, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.oid = 'spanq.tally'::regclass AND a.grantee NOT IN (0, c.relowner)
  LOOP
    EXECUTE format('GRANT %s ON spanq.error, spanq.errors TO %I', v_right.privilege_type, pg_get_userbyid(v_right.grantee));
  END LOOP;
END $$;
