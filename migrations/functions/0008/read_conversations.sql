-- The newest lines of conversations, for prompts: of each the messages around its `user_seq`, later ones of its user left out, and which
-- message answers which.
--
-- Both come from indexes that hold a session's rows side by side. The stretch is long enough for `history_messages` lines, unless replies
-- lie far from what they answer; whoever reads it finds out, and asks for such a conversation with `read_far_conversation`.
--
-- How it is planned its callers set: the function that claims, and our connections. To set it here as well costs as much as a conversation.
CREATE FUNCTION read_conversations (session_ids text[], user_seqs bigint[], history_messages integer)
RETURNS TABLE (session_id text, user_seq bigint, messages text, answers text)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    spare CONSTANT integer := 4;  -- at its beginning there may be replies to what lies before it
BEGIN
    RETURN QUERY
    SELECT
        wanted.session_id,
        wanted.user_seq,
        (
            SELECT json_agg(json_build_array(
                message_id, messages.session_id, from_user_id, msg_type, msg_content, created_at, updated_at, seq
            ))::text
            FROM messages
            WHERE messages.session_id = wanted.session_id
            AND seq BETWEEN wanted.user_seq - history_messages - spare AND wanted.user_seq + history_messages
            AND (seq <= wanted.user_seq OR msg_type = 'AI_REPLY')
        ),
        (
            SELECT json_object_agg(answered.user_seq, answered.ai_message_id)::text
            FROM unnest('{1, 3}'::smallint[]) AS ended (status)
            CROSS JOIN LATERAL (
                SELECT r.user_seq, r.ai_message_id
                FROM ai_chat_records AS r
                WHERE r.session_id = wanted.session_id
                AND r.status = ended.status
                AND r.user_seq >= wanted.user_seq - history_messages - spare AND r.user_seq < wanted.user_seq
                ORDER BY r.user_seq OFFSET 0  -- the order leads every plan to the same index
            ) AS answered
            WHERE answered.ai_message_id IS NOT NULL
        )
    FROM unnest(session_ids, user_seqs) AS wanted (session_id, user_seq);
END
$$;
