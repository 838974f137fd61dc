-- Stores users' messages, each with the waiting record of its reply, and gives them their numbers.
--
-- All of them or none: where one is not plain (its id is known, the session is somebody else's, its user waits for too many replies) nothing
-- is kept and no row returned. The arrays have an item for each message, in the messages' order: no id twice, no session with two users.
-- `sessions_named` says how many sessions they name. `seqs` are the messages' numbers in the same order, with commas between them.
CREATE FUNCTION add_messages (
    session_ids text[],
    user_ids text[],
    message_ids text[],
    record_ids text[],
    contents text[],
    given_at timestamptz[],
    sessions_named integer,
    attempt_limit integer,
    max_pending integer
)
RETURNS TABLE (stored_at timestamptz, seqs text)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET cpu_operator_cost = 0
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    known_sessions text[];
    now_at timestamptz;
BEGIN
    known_sessions := ARRAY(SELECT session_id FROM sessions WHERE session_id = ANY (session_ids) ORDER BY session_id FOR UPDATE);

    -- with the sessions locked, all that was ever stored in them is visible
    IF EXISTS (SELECT FROM messages WHERE message_id = ANY (message_ids))
    OR EXISTS (
        SELECT
        FROM unnest(session_ids, user_ids) AS g (session_id, user_id)
        WHERE g.user_id <> (SELECT user_id FROM sessions WHERE sessions.session_id = g.session_id)
    )
    OR (max_pending IS NOT NULL AND EXISTS (
        SELECT
        FROM (SELECT user_id, count(*) AS sends FROM unnest(user_ids) AS g (user_id) GROUP BY user_id) AS sender
        WHERE sends > max_pending - (
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
    )) THEN
        RETURN;
    END IF;

    UPDATE sessions
    SET last_seq = last_seq + g.sends, updated_at = greatest(updated_at, g.latest)
    FROM (
        SELECT session_id, count(*) AS sends, max(created_at) AS latest
        FROM unnest(session_ids, given_at) AS g (session_id, created_at)
        GROUP BY session_id
    ) AS g
    WHERE sessions.session_id = ANY (known_sessions) AND sessions.session_id = g.session_id;

    IF cardinality(known_sessions) < sessions_named THEN
        -- one that somebody made since is a clash: the next try knows it
        INSERT INTO sessions (session_id, user_id, last_seq, created_at, updated_at)
        SELECT session_id, min(user_id), count(*), min(created_at), max(created_at)
        FROM unnest(session_ids, user_ids, given_at) AS g (session_id, user_id, created_at)
        WHERE session_id <> ALL (known_sessions)
        GROUP BY session_id
        ORDER BY session_id;
    END IF;

    now_at := date_trunc('milliseconds', clock_timestamp());

    RETURN QUERY
    WITH sent AS MATERIALIZED (
        SELECT
            g.*,
            sessions.last_seq + 1 - row_number() OVER (PARTITION BY session_id ORDER BY g.place DESC) AS seq
        FROM unnest(session_ids, user_ids, message_ids, record_ids, contents, given_at)
        WITH ORDINALITY AS g (session_id, user_id, message_id, record_id, msg_content, created_at, place)
        CROSS JOIN LATERAL (
            SELECT last_seq FROM sessions WHERE sessions.session_id = g.session_id OFFSET 0  -- by its key, whatever the plan would rather
        ) AS sessions
        ORDER BY g.place
    ), said AS (
        INSERT INTO messages (message_id, session_id, seq, from_user_id, msg_type, msg_content, created_at, updated_at)
        SELECT message_id, session_id, seq, user_id, 'TEXT', msg_content, created_at, created_at
        FROM sent
    ), asked AS (
        INSERT INTO ai_chat_records (
            record_id, session_id, user_id, user_message_id, user_seq, status,
            attempt, attempt_limit, cancel_requested, created_at, updated_at
        )
        SELECT
            record_id, session_id, user_id, message_id, seq, 0,
            0, add_messages.attempt_limit, false, created_at, now_at
        FROM sent
    )
    SELECT now_at, string_agg(sent.seq::text, ',' ORDER BY sent.place) FROM sent;
END
$$;
