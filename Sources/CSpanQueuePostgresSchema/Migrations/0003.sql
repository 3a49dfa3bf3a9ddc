-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- The journal of what people do. And what has happened to jobs, as rows: each move of a job from one state to another, read from the
-- records that are there anyway.

-- The latest 10,000 entries: names and texts of what each says, side by side.
CREATE TABLE spanq.journal (
  nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at bigint NOT NULL,
  names text[] NOT NULL,
  texts text[] NOT NULL
);

-- Commits as its session does: an entry is there before the deed.
CREATE FUNCTION spanq.append_1(p_names text[], p_texts text[], p_keep bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_nr bigint;
BEGIN
  INSERT INTO spanq.journal (at, names, texts) VALUES (spanq.clock() / 1000, p_names, p_texts) RETURNING nr INTO v_nr;
  DELETE FROM spanq.journal WHERE nr <= v_nr - p_keep;
  RETURN v_nr;
END $$;

CREATE FUNCTION spanq.entries_1(p_before bigint, p_limit int)
RETURNS TABLE (nr bigint, at bigint, names text[], texts text[]) LANGUAGE sql STABLE AS $$
  SELECT nr, at, names, texts FROM spanq.journal WHERE p_before IS NULL OR nr < p_before ORDER BY nr DESC LIMIT p_limit
$$;

CREATE FUNCTION spanq.time_of(p_bytes bytea) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT to_timestamp(('x' || encode(p_bytes, 'hex'))::bit(64)::bigint / 1000.0) $$;

CREATE FUNCTION spanq.time_of_stamp(p_bytes bytea) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT to_timestamp(convert_from(p_bytes, 'UTF8')::bigint / 1000.0) $$;

CREATE FUNCTION spanq.text_of(p_bytes bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  -- Texts of handlers may hold what no text of Postgres can.
  RETURN convert_from(replace(encode(p_bytes, 'escape'), '\000', '')::bytea, 'UTF8');
EXCEPTION WHEN OTHERS THEN RETURN encode(p_bytes, 'escape');
END $$;

-- The moves that a record of runs tells of. Entries: tag, length in three bytes, body; those that are no moves are passed over.
CREATE FUNCTION spanq.moves(p_run bytea)
RETURNS TABLE (number int, attempt int, from_state text, to_state text, at timestamptz, worker text, error text)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_at int := 4;
  v_size int := length(p_run);
  v_length int;
  v_tag text;
  v_body bytea;
  v_place int;
  v_fields int;
  v_charged int := 0;
  v_attempt int;
  v_parts text[];
BEGIN
  number := 0;
  WHILE v_at + 4 <= v_size LOOP
    v_tag := chr(get_byte(p_run, v_at));
    v_length := get_byte(p_run, v_at + 1) * 65536 + get_byte(p_run, v_at + 2) * 256 + get_byte(p_run, v_at + 3);
    v_body := substr(p_run, v_at + 5, v_length);
    v_at := v_at + 4 + v_length;
    attempt := NULL; worker := NULL; error := NULL;
    IF v_tag = 'A' THEN
      v_attempt := get_byte(v_body, 0) * 256 + get_byte(v_body, 1);
      v_fields := get_byte(v_body, 31);
      v_place := 32 + CASE WHEN v_fields & 1 = 1 THEN 8 ELSE 0 END;
      attempt := v_attempt;
      worker := spanq.text_of(substr(v_body, v_place + 2, get_byte(v_body, v_place)));
      v_place := v_place + 1 + get_byte(v_body, v_place);
      number := number + 1; from_state := 'ready'; to_state := 'active'; at := spanq.time_of(substr(v_body, 24, 8));
      RETURN NEXT;
      IF v_fields & 2 = 2 THEN
        v_length := get_byte(v_body, v_place) * 256 + get_byte(v_body, v_place + 1);
        v_place := v_place + 2 + v_length;
      END IF;
      IF v_fields & 4 = 4 THEN v_place := v_place + 1 + get_byte(v_body, v_place); END IF;
      IF v_fields & 8 = 8 THEN
        v_length := get_byte(v_body, v_place) * 256 + get_byte(v_body, v_place + 1);
        error := spanq.text_of(substr(v_body, v_place + 3, v_length));
      END IF;
      v_charged := v_attempt - CASE WHEN get_byte(v_body, 2) IN (0, 1, 2, 3) THEN 0 ELSE 1 END;
      number := number + 1; from_state := 'active';
      to_state := CASE get_byte(v_body, 2) WHEN 0 THEN 'completed' WHEN 1 THEN 'retrying' WHEN 2 THEN 'dead' WHEN 3 THEN 'cancelled'
        WHEN 4 THEN CASE WHEN v_fields & 2 = 2 THEN 'dead' ELSE 'ready' END WHEN 5 THEN 'ready' WHEN 6 THEN 'retrying'
        ELSE 'unknown' END;
      at := spanq.time_of_stamp(substr(v_body, length(v_body) - 12));
      RETURN NEXT;
    ELSIF v_tag = 'L' THEN
      v_parts := regexp_match(spanq.text_of(substr(v_body, 15)), '^(\d+)-[0-9a-f]+:(.*)$');
      attempt := v_charged + 1; worker := v_parts[2];
      IF v_parts IS NOT NULL THEN
        number := number + 1; from_state := 'ready'; to_state := 'active'; at := to_timestamp(v_parts[1]::bigint / 1000000.0);
        RETURN NEXT;
      END IF;
      number := number + 1; from_state := 'active'; error := 'the worker did not extend its lease';
      to_state := CASE chr(get_byte(v_body, 0)) WHEN 'r' THEN 'ready' WHEN 'd' THEN 'dead' ELSE 'cancelled' END;
      at := spanq.time_of_stamp(substr(v_body, 2, 13));
      RETURN NEXT;
    ELSIF v_tag IN ('V', 'B', 'C') THEN
      -- A cancel that was asked for while it ran is told by the attempt's end, too: it only gives the reason.
      IF v_tag <> 'C' OR to_state IS DISTINCT FROM 'cancelled' THEN
        IF to_state = 'dead' AND v_tag = 'V' THEN v_charged := 0; END IF;
        number := number + 1; from_state := to_state;
        to_state := CASE v_tag WHEN 'V' THEN 'ready' WHEN 'B' THEN 'dead' ELSE 'cancelled' END;
        at := spanq.time_of_stamp(substr(v_body, 1, 13));
        RETURN NEXT;
      END IF;
    END IF;
  END LOOP;
END $$;

-- One row a move, `number` from 0, the enqueue, of what the job's record still knows: it keeps the first and the latest 32 events.
CREATE VIEW spanq.transitions AS
SELECT q.name AS queue, j.id AS job, j.type, m.number, m.attempt, m.from_state, m.to_state, m.at, m.worker, m.error
FROM spanq.queue q JOIN spanq.job j ON j.queue = q.nr
  LEFT JOIN spanq.live l ON l.nr = j.nr LEFT JOIN spanq.done d ON d.nr = j.nr
  CROSS JOIN LATERAL (
    SELECT 0 AS number, NULL::int AS attempt, NULL::text AS from_state, 'enqueued' AS to_state,
      to_timestamp(j.enqueued_at / 1000.0) AS at, NULL::text AS worker, NULL::text AS error
    UNION ALL
    SELECT * FROM spanq.moves(coalesce(l.run, d.run, '\x01000000'))
    UNION ALL
    SELECT 1000000, coalesce(get_byte(l.run, 1) * 256 + get_byte(l.run, 2), 0) + 1, 'ready', 'active',
      to_timestamp(l.token / 1000000.0), l.worker, NULL
    WHERE l.state = 'a'
  ) m;
