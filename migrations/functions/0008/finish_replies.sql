-- Ends replies: the record's final state and, where it has an `ai_message_id`, the reply message. Says of each session whether it has more
-- open records.
--
-- A reply that is not plain (its lease is lost, it ended before, messages share it) gives no row, and nothing of it is kept.
-- `given` has each session once.
--
-- `cpu_operator_cost` is 0 so that an index counts as dear by the rows that it leads to alone, not by its levels, and the order asked for decides
-- between equals. A plan made while the tables are small, which a connection may keep, would else read all open records by the index of sweeps.
CREATE FUNCTION finish_replies (session_ids text[], record_ids text[], given json)
RETURNS TABLE (record_id text, seq bigint, session_waits boolean)
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
BEGIN
    PERFORM FROM sessions WHERE session_id = ANY (session_ids) ORDER BY session_id FOR UPDATE;
    PERFORM FROM ai_chat_records AS r WHERE r.record_id = ANY (record_ids) ORDER BY r.record_id FOR UPDATE;

    RETURN QUERY
    WITH ended AS (
        UPDATE ai_chat_records AS r
        SET
            status = g.status,
            request_content = g.request_content,
            response_content = g.response_content,
            ai_message_id = g.ai_message_id,
            model = g.model,
            queue_ms = g.queue_ms,
            first_token_ms = g.first_token_ms,
            duration_ms = g.duration_ms,
            prompt_tokens = g.prompt_tokens,
            completion_tokens = g.completion_tokens,
            error_code = g.error_code,
            error_message = g.error_message,
            updated_at = g.ended_at,
            lease_expires_at = NULL
        FROM json_to_recordset(given) AS g (
            record_id text, attempt integer, status smallint, request_content text, response_content text, ai_message_id text,
            model text, queue_ms bigint, first_token_ms bigint, duration_ms bigint, prompt_tokens bigint, completion_tokens bigint,
            error_code text, error_message text, ended_at timestamptz, from_user_id text, msg_type text, msg_content text
        )
        WHERE r.record_id = g.record_id
        -- as one value, which leads no plan to the index of open records
        AND (r.status = 0 AND r.attempt = g.attempt AND r.lease_expires_at IS NOT NULL AND r.leader_id IS NULL) IS TRUE
        RETURNING r.record_id, r.session_id, g.ai_message_id, g.ended_at, g.from_user_id, g.msg_type, g.msg_content
    ), advanced AS (
        UPDATE sessions
        SET last_seq = last_seq + 1, updated_at = greatest(updated_at, ended.ended_at)
        FROM ended
        WHERE sessions.session_id = ended.session_id AND ended.ai_message_id IS NOT NULL
        RETURNING ended.*, sessions.last_seq
    ), said AS (
        INSERT INTO messages (message_id, session_id, seq, from_user_id, msg_type, msg_content, created_at, updated_at)
        SELECT ai_message_id, session_id, last_seq, from_user_id, msg_type, msg_content, ended_at, ended_at
        FROM advanced
    ), told AS (
        SELECT record_id, session_id, last_seq FROM advanced
        UNION ALL
        SELECT record_id, session_id, NULL FROM ended WHERE ai_message_id IS NULL
    )
    SELECT told.record_id::text, told.last_seq, (
        SELECT record_id
        FROM ai_chat_records AS other
        WHERE other.session_id = told.session_id AND status = 0 AND lease_expires_at IS NULL
        ORDER BY user_seq
        LIMIT 1
    ) IS NOT NULL
    FROM told;
END
$$;
