-- One conversation in which replies lie far from what they answer: up to `user_seq` the newest `questions`, newest first, each with its
-- answer or null.
CREATE FUNCTION read_far_conversation (of_session text, user_seq bigint, questions integer)
RETURNS text
LANGUAGE plpgsql
STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_array(
            json_build_array(
                asked.message_id, asked.session_id, asked.from_user_id, asked.msg_type,
                asked.msg_content, asked.created_at, asked.updated_at, asked.seq
            ),
            CASE WHEN answer.message_id IS NOT NULL THEN json_build_array(
                answer.message_id, answer.session_id, answer.from_user_id, answer.msg_type,
                answer.msg_content, answer.created_at, answer.updated_at, answer.seq
            ) END
        ) ORDER BY asked.seq DESC)
        FROM (
            SELECT *
            FROM messages
            WHERE messages.session_id = of_session AND messages.seq <= read_far_conversation.user_seq AND msg_type = 'TEXT'
            ORDER BY messages.seq DESC
            LIMIT questions
        ) AS asked
        LEFT JOIN ai_chat_records AS r ON r.user_message_id = asked.message_id AND asked.seq < read_far_conversation.user_seq
        LEFT JOIN messages AS answer ON answer.message_id = r.ai_message_id
    );
END
$$;
