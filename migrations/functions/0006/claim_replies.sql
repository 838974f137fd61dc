-- Takes the oldest open record of each session for `lease_s` seconds, with the conversation that leads to it: the newest `questions`,
-- each with its answer, newest first.
--
-- A session that has nothing to be had gives no row; one that is not plain (a lease ran out, messages share a reply) gives a row without
-- a record, and is left as it is. So do all of them after `not_after`, when nobody waits for the answer any more.
CREATE FUNCTION claim_replies (session_ids text[], lease_s double precision, questions integer, not_after timestamptz)
RETURNS TABLE (
    record_id varchar, session_id varchar, user_id varchar, user_message_id varchar, created_at timestamptz, updated_at timestamptz,
    user_seq bigint, attempt integer, attempt_limit integer, lease_expires_at timestamptz, cancel_requested boolean, response_content text,
    conversation text
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    now_ms timestamptz;
BEGIN
    PERFORM FROM sessions WHERE session_id = ANY (session_ids) ORDER BY session_id FOR UPDATE;
    now_ms := date_trunc('milliseconds', clock_timestamp());

    RETURN QUERY
    WITH oldest AS MATERIALIZED (
        SELECT r.*, CASE WHEN now_ms <= not_after THEN (
            SELECT bool_or(coalesce(lease_expires_at > now_ms, false))
            FROM (
                SELECT lease_expires_at, leader_id
                FROM ai_chat_records
                WHERE ai_chat_records.session_id = r.session_id AND status = 0
                ORDER BY user_seq OFFSET 0  -- the order leads every plan to the same index
            ) AS open
            WHERE lease_expires_at IS NOT NULL OR leader_id IS NOT NULL
        ) ELSE false END AS is_running  -- NULL: nobody has begun anything here
        FROM unnest(session_ids) AS wanted (session_id)
        CROSS JOIN LATERAL (
            SELECT *
            FROM ai_chat_records
            WHERE ai_chat_records.session_id = wanted.session_id AND status = 0
            ORDER BY user_seq
            LIMIT 1
        ) AS r
    ), begun AS (
        UPDATE ai_chat_records AS r
        SET attempt = r.attempt + 1, lease_expires_at = now_ms + make_interval(secs => lease_s), response_content = NULL
        FROM oldest
        WHERE r.record_id = oldest.record_id AND oldest.is_running IS NULL
        RETURNING
            oldest.record_id, oldest.session_id, oldest.user_id, oldest.user_message_id, oldest.created_at, oldest.updated_at,
            oldest.user_seq, r.attempt, r.attempt_limit, r.lease_expires_at, r.cancel_requested, oldest.response_content
    )
    SELECT begun.*, (
        SELECT json_agg(json_build_array(
            asked.message_id, asked.session_id, asked.from_user_id, asked.msg_type,
            asked.msg_content, asked.created_at, asked.updated_at, asked.seq,
            answer.message_id, answer.session_id, answer.from_user_id, answer.msg_type,
            answer.msg_content, answer.created_at, answer.updated_at, answer.seq
        ) ORDER BY asked.seq DESC)::text
        FROM (
            SELECT *
            FROM messages
            WHERE messages.session_id = begun.session_id AND seq <= begun.user_seq AND msg_type = 'TEXT'
            ORDER BY seq DESC
            LIMIT questions
        ) AS asked
        LEFT JOIN ai_chat_records AS r ON r.user_message_id = asked.message_id AND asked.seq < begun.user_seq
        LEFT JOIN messages AS answer ON answer.message_id = r.ai_message_id
    )
    FROM begun
    UNION ALL
    SELECT NULL, oldest.session_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM oldest
    WHERE NOT is_running;
END
$$;
