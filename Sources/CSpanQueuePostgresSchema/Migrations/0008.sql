-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Live events: while somebody watches a queue, those who move its jobs say so on the channel `spanq.events`. Nothing of it is kept.

-- Which queues somebody watches, and until when.
CREATE TABLE spanq.watch (
  queue text COLLATE "C" PRIMARY KEY,
  until bigint NOT NULL
);
CREATE INDEX watch_until ON spanq.watch (until);

-- Says that somebody watches these queues for the next fifteen seconds. What is to come back (`p_echo`) comes on the same channel, as
-- events do: where it does not, one hears nothing.
CREATE FUNCTION spanq.watch_1(p_queues text[], p_echo text) RETURNS void LANGUAGE plpgsql SET lock_timeout = '4s' AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO spanq.watch AS w (queue, until)
  SELECT DISTINCT name, v_now + 15000 FROM unnest(p_queues) AS name
  WHERE NOT EXISTS (SELECT 1 FROM spanq.watch k WHERE k.queue = name AND k.until > v_now + 11000) ORDER BY name
  ON CONFLICT (queue) DO UPDATE SET until = EXCLUDED.until;
  DELETE FROM spanq.watch WHERE queue = ANY (ARRAY(
    SELECT queue FROM spanq.watch WHERE until < v_now - 60000 LIMIT 10 FOR UPDATE SKIP LOCKED));
  PERFORM pg_notify('spanq.events', p_echo);
END $$;

-- The queues that somebody watches, and for how long yet (ms).
CREATE FUNCTION spanq.watched_1() RETURNS TABLE (queue text, span bigint) LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  RETURN QUERY SELECT queue::text, until - v_now FROM spanq.watch WHERE until > v_now ORDER BY until DESC LIMIT 1000;
END $$;

-- Tells what has become of jobs of a queue, if somebody watches it. After the commit of that, in a transaction of its own.
CREATE FUNCTION spanq.tell_1(p_queue text, p_event text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := spanq.clock() / 1000;
BEGIN
  IF EXISTS (SELECT 1 FROM spanq.watch WHERE queue = p_queue AND until > v_now) THEN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_notify('spanq.events', p_queue || chr(10) || p_event);
  END IF;
END $$;

-- Roles that may use the tables of before may use this as well.
DO $$
DECLARE
  v_right record;
BEGIN
  FOR v_right IN
    SELECT DISTINCT a.grantee, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.oid = 'spanq.tally'::regclass AND a.grantee NOT IN (0, c.relowner)
  LOOP
    EXECUTE format('GRANT %s ON spanq.watch TO %I', v_right.privilege_type, pg_get_userbyid(v_right.grantee));
  END LOOP;
END $$;
