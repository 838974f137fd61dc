"""Messages, records and sessions as JSON objects: the one place that names their fields."""

from __future__ import annotations

from imcore.chat_record import ChatRecord
from imcore.clock import rfc3339
from imcore.message import Message
from imcore.ports import Stored
from imcore.session import Session

JsonObject = dict[str, object]


def message_json(message: Message) -> JsonObject:
    created_at = rfc3339(message.created_at)
    return {
        "message_id": message.message_id,
        "session_id": message.session_id,
        "seq": message.seq,
        "from_user_id": message.from_user_id,
        "msg_type": message.msg_type.value,
        "msg_content": message.msg_content,
        "created_at": created_at,
        "updated_at": created_at if message.updated_at is message.created_at else rfc3339(message.updated_at),
    }


def accepted_json(stored: Stored) -> JsonObject:
    """The answer to a send; `duplicate` is there only if the very same send was answered before."""
    answer: JsonObject = {
        "message": message_json(stored.message),
        "record_id": stored.record.record_id,
        "status": stored.record.status.value,
    }
    return answer | {"duplicate": True} if stored.duplicate else answer


def record_summary_json(record: ChatRecord) -> JsonObject:
    """A record in a list: all but the request sent to the model, which can be long."""
    return {
        "record_id": record.record_id,
        "session_id": record.session_id,
        "user_message_id": record.user_message_id,
        "ai_message_id": record.ai_message_id,
        "status": record.status.value,
        "attempt": record.attempt,
        "response_content": record.response_content,
        "model": record.model,
        "duration_ms": record.duration_ms,
        "queue_ms": record.queue_ms,
        "first_token_ms": record.first_token_ms,
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "error_code": record.error_code,
        "error_message": record.error_message,
        "merged_into": record.merged_into,
        "created_at": rfc3339(record.created_at),
        "updated_at": rfc3339(record.updated_at),
    }


def record_json(record: ChatRecord) -> JsonObject:
    """All of a record, with the exact request sent to the model."""
    return record_summary_json(record) | {"request_content": record.request_content}


def session_json(session: Session) -> JsonObject:
    return {
        "session_id": session.session_id,
        "user_id": session.user_id,
        "last_seq": session.last_seq,
        "created_at": rfc3339(session.created_at),
        "updated_at": rfc3339(session.updated_at),
    }
