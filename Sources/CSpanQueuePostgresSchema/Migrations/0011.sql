-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- Jobs that are due become ready in the order in which they are due. The join with their priorities kept that order only where the server
-- happened to go through it from that side; with statistics of a table that was nearly empty it went through it from the other.

CREATE OR REPLACE FUNCTION spanq.promote(p_queue int, p_state "char", p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_count int;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT nr, spanq.line(priority) + nextval('spanq.place') AS place
    FROM (
      SELECT l.nr, j.priority
      FROM (SELECT nr, score FROM spanq.live WHERE queue = p_queue AND state = p_state AND score <= p_now
            ORDER BY queue, state, score, nr LIMIT 128) l
        JOIN spanq.job j ON j.nr = l.nr
      ORDER BY l.score, l.nr) in_order
  )
  UPDATE spanq.live SET state = 'r', score = due.place FROM due WHERE live.nr = due.nr AND live.state = p_state;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END $$;
