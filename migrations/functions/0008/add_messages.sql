-- Stores users' messages, each with the waiting record of its reply, and gives them their numbers.
--
-- All of them or none: where one is not plain (its id is known, the session is somebody else's, its user waits for too many replies) nothing
-- is kept and no row returned. `given` has the messages in their order, no id twice, and no session with two users.
--
-- `cpu_operator_cost` is 0 so that an index counts as dear by the rows that it leads to alone, not by its levels, and the order asked for decides
-- between equals. A plan made while the tables are small, which a connection may keep, would else read all open records by the index of sweeps.
CREATE FUNCTION add_messages (session_ids text[], message_ids text[], given json)
RETURNS TABLE (place integer, seq bigint, stored_at timestamptz)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
SET cpu_operator_cost = 0
AS $$
#variable_conflict use_column
DECLARE
    known_sessions text[];
BEGIN
    known_sessions := ARRAY(SELECT session_id FROM sessions WHERE session_id = ANY (session_ids) ORDER BY session_id FOR UPDATE);

    -- with the sessions locked, all that was ever stored in them is visible
    IF EXISTS (SELECT FROM messages WHERE message_id = ANY (message_ids))
    OR EXISTS (
        SELECT
        FROM json_to_recordset(given) AS g (user_id text, session_id text)
        WHERE g.user_id <> (SELECT user_id FROM sessions WHERE sessions.session_id = g.session_id)
    )
    OR EXISTS (
        SELECT
        FROM (
            SELECT user_id, count(*) AS sends, min(max_pending) AS max_pending
            FROM json_to_recordset(given) AS g (user_id text, max_pending integer)
            GROUP BY user_id
        ) AS sender
        WHERE max_pending IS NOT NULL AND sends > max_pending - (
            SELECT coalesce(sum((
                SELECT count(*)
                FROM (
                    SELECT
                    FROM ai_chat_records
                    WHERE ai_chat_records.session_id = sessions.session_id AND status = 0
                    ORDER BY user_seq OFFSET 0  -- the order leads every plan to the same index
                ) AS open
            )), 0)
            FROM sessions
            WHERE sessions.user_id = sender.user_id
        )
    ) THEN
        RETURN;
    END IF;

    UPDATE sessions
    SET last_seq = last_seq + g.sends, updated_at = greatest(updated_at, g.latest)
    FROM (
        SELECT session_id, count(*) AS sends, max(created_at) AS latest
        FROM json_to_recordset(given) AS g (session_id text, created_at timestamptz)
        GROUP BY session_id
    ) AS g
    WHERE sessions.session_id = ANY (session_ids) AND sessions.session_id = g.session_id;

    IF cardinality(known_sessions) < cardinality(session_ids) THEN
        -- one that somebody made since is a clash: the next try knows it
        INSERT INTO sessions (session_id, user_id, last_seq, created_at, updated_at)
        SELECT session_id, min(user_id), count(*), min(created_at), max(created_at)
        FROM json_to_recordset(given) AS g (session_id text, user_id text, created_at timestamptz)
        WHERE session_id <> ALL (known_sessions)
        GROUP BY session_id
        ORDER BY session_id;
    END IF;

    RETURN QUERY
    WITH sent AS MATERIALIZED (
        SELECT
            g.*,
            sessions.last_seq + 1 - row_number() OVER (PARTITION BY session_id ORDER BY g.place DESC) AS seq,
            date_trunc('milliseconds', clock_timestamp()) AS stored_at
        FROM json_to_recordset(given) AS g (
            place integer, session_id text, user_id text, message_id text, record_id text, msg_type text, msg_content text,
            created_at timestamptz, updated_at timestamptz, attempt_limit integer, record_created_at timestamptz
        )
        CROSS JOIN LATERAL (
            SELECT last_seq FROM sessions WHERE sessions.session_id = g.session_id OFFSET 0  -- by its key, whatever the plan would rather
        ) AS sessions
        ORDER BY g.place
    ), said AS (
        INSERT INTO messages (message_id, session_id, seq, from_user_id, msg_type, msg_content, created_at, updated_at)
        SELECT message_id, session_id, seq, user_id, msg_type, msg_content, created_at, updated_at
        FROM sent
    ), asked AS (
        INSERT INTO ai_chat_records (
            record_id, session_id, user_id, user_message_id, user_seq, status,
            attempt, attempt_limit, cancel_requested, created_at, updated_at
        )
        SELECT
            record_id, session_id, user_id, message_id, seq, 0,
            0, attempt_limit, false, record_created_at, stored_at
        FROM sent
    )
    SELECT sent.place, sent.seq, sent.stored_at FROM sent;
END
$$;
