-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: the SpanQueue authors
--
-- SQL for everybody: enqueue, cancel and complete in a transaction of one's own, from any language. They run with the rights of the
-- schema's owner, so that a role may be allowed these and nothing else: it needs USAGE on the schema and EXECUTE on what it may call.

-- Queues whose sleepers are to be told at the commit. A row lives as long as its transaction.
CREATE TABLE spanq.told (queue text COLLATE "C" NOT NULL);

CREATE FUNCTION spanq.tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM spanq.told WHERE queue = NEW.queue;
  IF EXISTS (SELECT 1 FROM spanq.idle WHERE queue = NEW.queue AND until > spanq.clock() / 1000) THEN
    PERFORM pg_notify('spanq.wake', NEW.queue);
  END IF;
  RETURN NULL;
END $$;

-- At the commit, so that who went to sleep while the transaction was open is told, too; once for each queue.
CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON spanq.told DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION spanq.tell();

-- A UUID of version 7 (RFC 9562, section 5.7) of the present time.
CREATE FUNCTION spanq.new_id() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_time text := lpad(to_hex(spanq.clock() / 1000), 12, '0');
  v_random text := replace(gen_random_uuid()::text, '-', '');
BEGIN
  RETURN substr(v_time, 1, 8) || '-' || substr(v_time, 9, 4) || '-7' || substr(v_random, 14, 3) || '-' || substr(v_random, 17, 4)
    || '-' || substr(v_random, 21, 12);
END $$;

CREATE FUNCTION spanq.byte(value int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT set_byte('\x00', 0, value) $$;

-- A message as the Swift side packs it, without enqueue time and payload.
CREATE FUNCTION spanq.packed(
  p_type text, p_payload bytea, p_priority int, p_max_retries int, p_has_content boolean, p_after bigint, p_at bigint,
  p_deadline bigint, p_timeout bigint, p_lock bytea, p_lock_for bigint, p_trace bytea
) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT '\x01'::bytea
    || spanq.byte(
      CASE WHEN p_lock IS NULL THEN 0 WHEN p_lock_for IS NULL THEN 1 ELSE 5 END + CASE WHEN p_has_content THEN 8 ELSE 0 END)
    || convert_to(p_priority::text, 'UTF8')
    || coalesce(p_lock, '')
    || CASE WHEN p_has_content
      THEN substr(sha256(convert_to(p_type, 'UTF8') || '\x00'::bytea || p_payload), 1, 8) ELSE ''::bytea END
    || spanq.byte(
      CASE WHEN p_after IS NULL AND p_at IS NULL THEN 0 ELSE 1 END + CASE WHEN p_deadline IS NULL THEN 0 ELSE 2 END
        + CASE WHEN p_timeout IS NULL THEN 0 ELSE 8 END)
    || coalesce('\x00'::bytea || int8send(p_after), '\x01'::bytea || int8send(p_at), '')
    || spanq.byte(octet_length(p_type)) || convert_to(p_type, 'UTF8')
    || substr(int4send(p_max_retries), 3)
    || p_trace
    || coalesce(int8send(p_lock_for), '')
    || coalesce('\x01'::bytea || int8send(p_deadline), '')
    || coalesce(int8send(p_timeout), '')
$$;

-- Trace id, span id and flags: of a `traceparent` (W3C), or of a trace that begins here.
CREATE FUNCTION spanq.trace_of(p_traceparent text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  v_parts text[] := regexp_match(p_traceparent, '^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$');
BEGIN
  IF v_parts IS NULL OR v_parts[1] ~ '^0+$' OR v_parts[2] ~ '^0+$' OR p_traceparent ~ '^ff' THEN
    -- Sampled, and of a random id.
    RETURN uuid_send(gen_random_uuid()) || substr(uuid_send(gen_random_uuid()), 1, 8) || '\x03'::bytea;
  END IF;
  RETURN decode(v_parts[1] || v_parts[2] || v_parts[3], 'hex');
END $$;

CREATE FUNCTION spanq.check_argument(p_is_right boolean, p_text text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_is_right IS NOT TRUE THEN RAISE EXCEPTION '%', p_text USING ERRCODE = 'invalid_parameter_value'; END IF;
END $$;

CREATE FUNCTION spanq.milliseconds(p_span interval) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT (extract(epoch FROM p_span) * 1000)::bigint $$;

CREATE FUNCTION spanq.milliseconds(p_moment timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT (extract(epoch FROM p_moment) * 1000)::bigint $$;

-- Adds a job in the transaction of the caller, and gives its id. Where the id is given and a job of this id and content is there, or
-- where another job holds the unique key, the id of that one.
CREATE FUNCTION spanq.enqueue(
  queue text, type text, payload jsonb,
  id text DEFAULT NULL, priority int DEFAULT 0, delay interval DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  deadline timestamptz DEFAULT NULL, unique_key text DEFAULT NULL, unique_for interval DEFAULT NULL,
  max_retries int DEFAULT 25, timeout interval DEFAULT NULL, traceparent text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
  v_payload bytea := convert_to(payload::text, 'UTF8');
  v_id text := coalesce(id, spanq.new_id());
  v_after bigint := spanq.milliseconds(delay);
  v_at bigint := CASE WHEN delay IS NULL THEN spanq.milliseconds(run_at) END;
  v_lock bytea := CASE WHEN unique_key IS NOT NULL THEN substr(sha256(convert_to('k' || unique_key, 'UTF8')), 1, 16) END;
  v_lock_for bigint := CASE WHEN unique_key IS NOT NULL THEN spanq.milliseconds(unique_for) END;
  v_longest constant bigint := 3650 * 86400000::bigint;
  v_row record;
BEGIN
  PERFORM spanq.check_argument(queue ~ '^[A-Za-z0-9_.-]{1,128}$', 'queue: use 1 to 128 characters of A-Z a-z 0-9 _ . -');
  PERFORM spanq.check_argument(type ~ '^[A-Za-z0-9_.:/-]{1,128}$', 'type: use 1 to 128 characters of A-Z a-z 0-9 _ . : / -');
  PERFORM spanq.check_argument(v_id ~ '^[A-Za-z0-9_.:@+=-]{1,128}$', 'id: use 1 to 128 characters of A-Z a-z 0-9 _ . : - @ + =');
  PERFORM spanq.check_argument(octet_length(v_payload) <= 1048576, 'payload: use at most 1 MiB, and store more elsewhere');
  PERFORM spanq.check_argument(priority BETWEEN 0 AND 9, 'priority: use 0 to 9');
  PERFORM spanq.check_argument(max_retries BETWEEN 0 AND 1000, 'max_retries: use 0 to 1000');
  PERFORM spanq.check_argument(delay IS NULL OR run_at IS NULL, 'give delay or run_at, not both');
  PERFORM spanq.check_argument(coalesce(v_after, 0) BETWEEN 0 AND v_longest, 'delay: use 0 to 10 years');
  PERFORM spanq.check_argument(coalesce(v_at, 0) <= spanq.clock() / 1000 + v_longest, 'run_at: use at most 10 years from now');
  PERFORM spanq.check_argument(
    timeout IS NULL OR spanq.milliseconds(timeout) BETWEEN 1 AND v_longest, 'timeout: use 1 ms to 10 years');
  PERFORM spanq.check_argument(
    unique_for IS NULL OR unique_key IS NOT NULL AND v_lock_for BETWEEN 1 AND v_longest,
    'unique_for: use 1 ms to 10 years, with a unique_key');
  PERFORM spanq.check_argument(
    unique_key IS NULL OR octet_length(unique_key) BETWEEN 1 AND 1024, 'unique_key: use 1 to 1024 bytes');
  FOR v_row IN
    SELECT * FROM spanq.enqueue_1(
      queue, ARRAY[v_id], ARRAY[type], ARRAY[priority], ARRAY[v_after], ARRAY[v_at],
      ARRAY[spanq.packed(type, v_payload, priority, max_retries, id IS NOT NULL, v_after, v_at, spanq.milliseconds(deadline),
        spanq.milliseconds(timeout), v_lock, v_lock_for, spanq.trace_of(traceparent))],
      ARRAY[v_payload], ARRAY[v_lock], ARRAY[v_lock_for], 0)
  LOOP
    CASE v_row.kind
      WHEN 'n' THEN
        IF v_row.state = 'w' AND NOT EXISTS (SELECT 1 FROM spanq.told t WHERE t.queue = enqueue.queue) THEN
          INSERT INTO spanq.told VALUES (queue);
        END IF;
      WHEN 'c' THEN
        RAISE EXCEPTION 'the id % is taken by a job with other content', v_id USING ERRCODE = 'unique_violation';
      ELSE v_id := v_row.id;
    END CASE;
  END LOOP;
  RETURN v_id;
END $$;

-- Adds plain jobs of one queue, in the order given, and gives their ids.
CREATE FUNCTION spanq.enqueue_many(
  queue text, types text[], payloads jsonb[], priority int DEFAULT 0, max_retries int DEFAULT 25, traceparent text DEFAULT NULL
) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
  v_payloads bytea[];
  v_ids text[];
  v_messages bytea[];
  v_count int := cardinality(types);
  v_wakes boolean;
BEGIN
  PERFORM spanq.check_argument(queue ~ '^[A-Za-z0-9_.-]{1,128}$', 'queue: use 1 to 128 characters of A-Z a-z 0-9 _ . -');
  PERFORM spanq.check_argument(v_count = cardinality(payloads), 'give as many payloads as types');
  PERFORM spanq.check_argument(v_count <= 10000, 'give at most 10000 jobs');
  PERFORM spanq.check_argument(priority BETWEEN 0 AND 9, 'priority: use 0 to 9');
  PERFORM spanq.check_argument(max_retries BETWEEN 0 AND 1000, 'max_retries: use 0 to 1000');
  IF v_count = 0 THEN RETURN '{}'; END IF;
  PERFORM spanq.check_argument(
    (SELECT bool_and(t IS NOT NULL AND t ~ '^[A-Za-z0-9_.:/-]{1,128}$') FROM unnest(types) AS t),
    'types: use 1 to 128 characters of A-Z a-z 0-9 _ . : / -');
  SELECT array_agg(convert_to(p::text, 'UTF8') ORDER BY o), array_agg(spanq.new_id() ORDER BY o)
  INTO v_payloads, v_ids FROM unnest(payloads) WITH ORDINALITY AS u (p, o);
  PERFORM spanq.check_argument(
    (SELECT bool_and(p IS NOT NULL AND octet_length(p) <= 1048576) FROM unnest(v_payloads) AS p),
    'payloads: use at most 1 MiB each, and store more elsewhere');
  SELECT array_agg(
    spanq.packed(u.t, u.p, priority, max_retries, false, NULL, NULL, NULL, NULL, NULL, NULL, spanq.trace_of(traceparent)) ORDER BY u.o)
  INTO v_messages FROM unnest(types, v_payloads) WITH ORDINALITY AS u (t, p, o);
  SELECT bool_or(e.state = 'w') INTO v_wakes FROM spanq.enqueue_1(
    queue, v_ids, types, array_fill(priority, ARRAY[v_count]), array_fill(NULL::bigint, ARRAY[v_count]),
    array_fill(NULL::bigint, ARRAY[v_count]), v_messages, v_payloads, array_fill(NULL::bytea, ARRAY[v_count]),
    array_fill(NULL::bigint, ARRAY[v_count]), 0) e
  WHERE e.kind = 'n';
  IF v_wakes AND NOT EXISTS (SELECT 1 FROM spanq.told t WHERE t.queue = enqueue_many.queue) THEN
    INSERT INTO spanq.told VALUES (queue);
  END IF;
  RETURN v_ids;
END $$;

-- Calls a job off in the transaction of the caller: `cancelled`; `requested` where it runs, and its worker will hear of it; `not_found`;
-- or the state that does not allow it.
CREATE FUNCTION spanq.cancel(queue text, id text, reason text DEFAULT '') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
  v_row record;
BEGIN
  PERFORM spanq.check_argument(octet_length(reason) <= 1024, 'reason: use at most 1024 bytes');
  SELECT * INTO v_row FROM spanq.act_1(queue, 'c', id, reason, session_user::text);
  RETURN CASE v_row.outcome WHEN 'q' THEN 'requested' WHEN 'n' THEN 'not_found' ELSE
    CASE v_row.state WHEN 'x' THEN 'cancelled' WHEN 'd' THEN 'dead' ELSE 'completed' END END;
END $$;

-- Completes a job in the transaction of its handler: what the handler did in this database and the job's end are then one. Raises where
-- the claim is no longer the handler's, so that the transaction is rolled back. `token` is the value of the claim's token. The handler
-- then returns as usual, and its worker finds the job completed by the same claim.
CREATE FUNCTION spanq.complete(queue text, id text, token bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
  v_job record;
  v_run bytea;
  v_attempts int;
  v_eligible bigint;
BEGIN
  SELECT j.nr, j.queue, j.enqueued_at, l.run, l.nonce, l.worker INTO v_job
  FROM spanq.queue q JOIN spanq.job j ON j.queue = q.nr AND j.id = complete.id JOIN spanq.live l ON l.nr = j.nr
  WHERE q.name = complete.queue AND l.state = 'a' AND l.token = complete.token
  FOR UPDATE OF l;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the claim of job % in queue % is lost: another worker may have it', id, queue USING ERRCODE = 'SQ004';
  END IF;
  v_run := coalesce(v_job.run, '\x01000000');
  v_attempts := get_byte(v_run, 1) * 256 + get_byte(v_run, 2) + 1;
  v_run := set_byte(set_byte(v_run, 1, v_attempts / 256), 2, v_attempts % 256);
  -- An attempt, as the Swift side packs it: number, outcome, token, nonce, eligible and claimed at, no fields, worker.
  PERFORM * FROM spanq.settle_1(
    queue, ARRAY[id], ARRAY[token], ARRAY[v_job.nonce], ARRAY[v_job.worker], ARRAY['c'], ARRAY[spanq.kept_for(v_job.nr)],
    ARRAY[spanq.noted_open(v_run, 'A',
      substr(int4send(v_attempts), 3) || '\x00'::bytea || int8send(token) || substr(int8send(v_job.nonce), 5)
        || int8send(least(v_job.enqueued_at, token / 1000)) || int8send(token / 1000) || '\x00'::bytea
        || spanq.byte(octet_length(v_job.worker)) || convert_to(v_job.worker, 'UTF8'))],
    true);
END $$;

-- As `noted`, for a body to which 13 digits will be appended.
CREATE FUNCTION spanq.noted_open(run bytea, tag text, body bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT run || convert_to(tag, 'UTF8') || substr(int4send(length(body) + 13), 2) || body $$;

-- How long the record of a job is kept once it has completed (ms), as its message has it: null as usual, 0 not at all.
CREATE FUNCTION spanq.kept_for(p_nr bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_message bytea := (SELECT message FROM spanq.job WHERE nr = p_nr);
  v_flags int := get_byte(v_message, 1);
  v_at int := 3;
  v_presence int;
BEGIN
  v_at := v_at + CASE WHEN v_flags & 1 = 1 THEN 16 ELSE 0 END + CASE WHEN v_flags & 8 = 8 THEN 8 ELSE 0 END;
  IF get_byte(v_message, 0) > 1 THEN
    v_at := v_at + 1 + get_byte(v_message, v_at);
    v_presence := get_byte(v_message, v_at) * 256 + get_byte(v_message, v_at + 1);
    v_at := v_at + 2;
  ELSE
    v_presence := get_byte(v_message, v_at);
    v_at := v_at + 1;
  END IF;
  IF v_presence & 16 = 0 THEN RETURN NULL; END IF;
  v_at := v_at + CASE WHEN v_presence & 1 = 1 THEN 9 ELSE 0 END;
  v_at := v_at + 1 + get_byte(v_message, v_at);
  v_at := v_at + 2 + 16 + 8 + 1 + CASE WHEN v_flags & 4 = 4 THEN 8 ELSE 0 END
    + CASE WHEN v_presence & 2 = 2 THEN 9 ELSE 0 END + CASE WHEN v_presence & 4 = 4 THEN 17 ELSE 0 END
    + CASE WHEN v_presence & 8 = 8 THEN 8 ELSE 0 END;
  RETURN ('x' || encode(substr(v_message, v_at + 2, 8), 'hex'))::bit(64)::bigint;
END $$;
