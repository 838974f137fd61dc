"""The reply to a message as one JSON object, the text so far included."""

from __future__ import annotations

from adapters.websocket.problem_object import reply_problem
from adapters.websocket.render import JsonObject, message_json
from entrypoints.api.services import Services
from imcore.chat_record import ChatRecord, ReplyError, ReplyStatus
from imcore.ids import reply_message_id
from imcore.resume_session import leader_of


async def reply_json(services: Services, user_id: str, record: ChatRecord) -> JsonObject:
    return await _open(services, record) if record.is_open else await _ended(services, user_id, record)


async def _open(services: Services, record: ChatRecord) -> JsonObject:
    so_far = services.live.so_far(record, await leader_of(services.store, record))
    return _reply(record, so_far.attempt, reply_message_id(record.answered_by), so_far.text)


async def _ended(services: Services, user_id: str, record: ChatRecord) -> JsonObject:
    message = await services.store.message(user_id, record.ai_message_id) if record.ai_message_id else None
    reply = _reply(record, record.attempt, record.ai_message_id, message.msg_content if message else record.text)
    if message is not None:
        reply["message"] = message_json(message)
    if record.status is ReplyStatus.FAILED:
        reply["error"] = reply_problem(ReplyError(record.error_code or "", record.error_message or ""))
    return reply


def _reply(record: ChatRecord, attempt: int, ai_message_id: str | None, text: str) -> JsonObject:
    return {
        "record_id": record.record_id,
        "status": record.status.value,
        "attempt": attempt,
        "ai_message_id": ai_message_id,
        "text": text,
    }
