"""Server frames: what a client is told over its WebSocket. One JSON object a frame, `type` first, encoded once for all connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from adapters.websocket.problem_object import reply_problem
from adapters.websocket.render import JsonObject, message_json
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyEnded, ReplyEvent, ReplyFailed, ReplyStarted
from imcore.ports import Stored
from imcore.resume_session import ReplySoFar, Resumed
from imcore.value import value

_FINAL_TEXT = 0x81
_SIZE_IN_2_BYTES = 126
_SIZE_IN_8_BYTES = 127


@value
class Frame:
    """`data` is the JSON, `wire` a whole WebSocket frame with it; `event` what it tells of a reply, None if it is about something else."""

    data: bytes
    wire: bytes
    event: ReplyEvent | None = None

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def size(self) -> int:
        """Of the JSON, in bytes."""
        return len(self.data)

    @property
    def delta(self) -> ReplyDelta | None:
        return self.event if isinstance(self.event, ReplyDelta) else None

    @property
    def end(self) -> ReplyEnded | None:
        return self.event if isinstance(self.event, ReplyEnded) else None


def _frame(fields: Mapping[str, object], event: ReplyEvent | None = None) -> Frame:
    data = orjson.dumps(fields)
    return Frame(data, _header(len(data)) + data, event)


def _header(size: int) -> bytes:
    """Of a server's only text frame of a message, without compression (RFC 6455, section 5.2)."""
    if size < _SIZE_IN_2_BYTES:
        return bytes((_FINAL_TEXT, size))
    if size < 1 << 16:
        return bytes((_FINAL_TEXT, _SIZE_IN_2_BYTES)) + size.to_bytes(2, "big")
    return bytes((_FINAL_TEXT, _SIZE_IN_8_BYTES)) + size.to_bytes(8, "big")


def ready(user_id: str, connection_id: str, limits: Mapping[str, object]) -> Frame:
    return _frame({"type": "ready", "user_id": user_id, "connection_id": connection_id, "limits": limits})


def accepted(stored: Stored) -> Frame:
    return _frame(
        {
            "type": "message.accepted",
            "message": message_json(stored.message),
            "record_id": stored.record.record_id,
            "status": stored.record.status.value,
            "duplicate": stored.duplicate,
        }
    )


def rejected(message_id: str | None, problem: Mapping[str, object]) -> Frame:
    """`message_id` is the client's own, None if it gave none."""
    return _frame({"type": "message.rejected", "message_id": message_id, "error": problem})


def resumed(answer: Resumed, replies: Sequence[ReplySoFar]) -> Frame:
    """`replies` are those of `answer` that are still in progress now."""
    return _frame(
        {
            "type": "resumed",
            "session_id": answer.session_id,
            "recovered": answer.recovered,
            "messages": [message_json(message) for message in answer.messages],
            "replies": [
                {
                    "record_id": reply.record_id,
                    "user_message_id": reply.user_message_id,
                    "ai_message_id": reply.ai_message_id,
                    "attempt": reply.attempt,
                    "text": reply.text,
                }
                for reply in replies
            ],
            "more": answer.more,
        }
    )


def pong(ping_id: str | int | None) -> Frame:
    return _frame({"type": "pong", "id": ping_id})


def error(problem: Mapping[str, object], about: str | None = None) -> Frame:
    """`about` is the type of the client's frame that failed, None if it had none."""
    return _frame({"type": "error", "error": problem, "about": about})


def reply_event(event: ReplyEvent) -> Frame:
    """What happens to a reply."""
    return _frame(_event_fields(event), event)


def _event_fields(event: ReplyEvent) -> JsonObject:
    if isinstance(event, ReplyDelta):
        return {"type": event.type, "record_id": event.record_id, "attempt": event.attempt, "offset": event.offset, "text": event.text}
    head: JsonObject = {"type": event.type, "record_id": event.record_id}
    match event:
        case ReplyStarted():
            return head | {
                "session_id": event.session_id,
                "user_message_id": event.user_message_id,
                "ai_message_id": event.ai_message_id,
                "attempt": event.attempt,
            }
        case ReplyCompleted():
            return head | {"attempt": event.attempt, "message": message_json(event.message)}
        case ReplyFailed():
            return head | {"attempt": event.attempt, "error": reply_problem(event.error), "retryable": event.error.retryable}
        case ReplyCancelled():
            return head | {"attempt": event.attempt, "message": message_json(event.message) if event.message else None}
