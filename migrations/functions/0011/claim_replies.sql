-- Takes the oldest open record of each session for `lease_s` seconds, with the conversation that leads to it: see `read_conversations`.
--
-- A session that has nothing to be had gives no row; one that is not plain (a lease ran out, messages share a reply) gives a row without
-- a record, and is left as it is. So do all of them after `not_after`, when nobody waits for the answer any more.
--
-- A session that is made while others' locks are waited for is not locked, so it is left: two would claim its first reply.
CREATE OR REPLACE FUNCTION claim_replies (session_ids text[], not_after timestamptz, lease_s double precision, history_messages integer)
RETURNS TABLE (
    record_id varchar, session_id varchar, user_id varchar, user_message_id varchar, created_at timestamptz, updated_at timestamptz,
    user_seq bigint, attempt integer, attempt_limit integer, lease_expires_at timestamptz, cancel_requested boolean, response_content text,
    messages text, answers text
)
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
    locked_sessions text[];
    now_ms timestamptz;
BEGIN
    locked_sessions := ARRAY(SELECT session_id FROM sessions WHERE session_id = ANY (session_ids) ORDER BY session_id FOR UPDATE);
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
        FROM unnest(locked_sessions) AS wanted (session_id)
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
    SELECT begun.*, conversation.messages, conversation.answers
    FROM begun
    LEFT JOIN read_conversations(
        ARRAY(SELECT session_id::text FROM begun), ARRAY(SELECT user_seq FROM begun), history_messages
    ) AS conversation ON conversation.session_id = begun.session_id
    UNION ALL
    SELECT NULL, oldest.session_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM oldest
    WHERE NOT is_running;
END
$$;
