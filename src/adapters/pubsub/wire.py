"""How news look on the wire: one JSON array a batch, one array an item, no names, so that a token costs few bytes.

alone     {channel: [item, …]}: what only the process that reads this channel is to take
event     [user_id, type, record_id, attempt, …the event's other fields in the order of its class]
request   [type, record_id], or [type] where it is about all replies
gap       null: something that was to come before this could not be delivered
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from imcore.chat_record import ReplyError
from imcore.clock import from_rfc3339, rfc3339
from imcore.events import (
    ReplyCancelled,
    ReplyCompleted,
    ReplyDelta,
    ReplyEvent,
    ReplyFailed,
    ReplyStarted,
    ShowReply,
    StopReply,
    TellAll,
    WriterRequest,
)
from imcore.message import Message, MessageType

GAP = b"null"

_DELTA_TYPES = (str, str, str, int, int, str)


def join(items: Iterable[bytes]) -> bytes:
    """A batch of encoded items."""
    return b"[" + b",".join(items) + b"]"


def alone(items: Mapping[str, Sequence[bytes]]) -> bytes:
    """Encoded items by the channel of the process that is to take them, as one item of a batch for all."""
    return b"{" + b",".join(orjson.dumps(channel) + b":" + join(its) for channel, its in items.items()) + b"}"


def split(batch: bytes, own_channel: str = "") -> list[object]:
    """The items of a batch for whoever reads `own_channel`, to be decoded one by one; raises `ValueError` if it is none."""
    items = orjson.loads(batch)
    if not isinstance(items, list):
        raise ValueError("a batch is a JSON array")  # noqa: TRY004  (what came over the wire has a wrong value, no caller a wrong type)
    return [mine for item in items for mine in (_mine(item, own_channel) if isinstance(item, dict) else (item,))]


def _mine(items: Mapping[str, object], own_channel: str) -> list[object]:
    mine = items.get(own_channel, [])
    return mine if isinstance(mine, list) else [mine]


def encode_event(user_id: str, event: ReplyEvent) -> bytes:
    """Raises `ValueError` for text that is no Unicode (an unpaired surrogate)."""
    return _dump([user_id, event.type, event.record_id, event.attempt, *_fields(event)])


def encode_delta(user_id: str, first: ReplyDelta, text: str) -> bytes:
    """The event that begins where `first` does, with this text. Raises `ValueError` as `encode_event` does."""
    return _dump([user_id, ReplyDelta.type, first.record_id, first.attempt, first.offset, text])


def decode_event(item: object) -> tuple[str, ReplyEvent]:
    """The user and the event; raises `ValueError` for anything else than an encoded event."""
    # nine of ten are deltas, and a match takes three times as long
    if isinstance(item, list) and tuple(map(type, item)) == _DELTA_TYPES and item[1] == ReplyDelta.type:
        user_id, _, *delta = item
        return user_id, ReplyDelta(*delta)
    match item:
        case [str(user_id), str(kind), str(record_id), int(attempt), *fields]:
            return user_id, _event(kind, record_id, attempt, fields)
        case _:
            raise ValueError("no event")


def encode_request(request: WriterRequest) -> bytes:
    return _dump([request.type] if isinstance(request, TellAll) else [request.type, request.record_id])


def decode_request(item: object) -> WriterRequest:
    """Raises `ValueError` for anything else than an encoded request."""
    match item:
        case [StopReply.type, str(record_id)]:
            return StopReply(record_id)
        case [ShowReply.type, str(record_id)]:
            return ShowReply(record_id)
        case [TellAll.type]:
            return TellAll()
        case _:
            raise ValueError("no request")


def _dump(item: list[object]) -> bytes:
    try:
        return orjson.dumps(item)
    except orjson.JSONEncodeError as error:  # it is a TypeError
        raise ValueError(str(error)) from error


def _fields(event: ReplyEvent) -> list[object]:
    match event:
        case ReplyDelta():
            return [event.offset, event.text]
        case ReplyStarted():
            ids = [event.session_id, event.user_message_id, event.ai_message_id]
            return [*ids, event.origin] if event.origin else [*ids]  # the release before knows no origin
        case ReplyCompleted():
            return [_message_fields(event.message)]
        case ReplyCancelled():
            return [None if event.message is None else _message_fields(event.message)]
        case ReplyFailed():
            return [event.error.code, event.error.message]


def _event(kind: str, record_id: str, attempt: int, fields: list[object]) -> ReplyEvent:
    match kind, fields:
        case ReplyStarted.type, [str(session_id), str(user_message_id), str(ai_message_id)]:
            return ReplyStarted(record_id, attempt, session_id, user_message_id, ai_message_id)
        case ReplyStarted.type, [str(session_id), str(user_message_id), str(ai_message_id), str(origin)]:
            return ReplyStarted(record_id, attempt, session_id, user_message_id, ai_message_id, origin)
        case ReplyCompleted.type, [list(message)]:
            return ReplyCompleted(record_id, attempt, _message(message))
        case ReplyCancelled.type, [None]:
            return ReplyCancelled(record_id, attempt, None)
        case ReplyCancelled.type, [list(message)]:
            return ReplyCancelled(record_id, attempt, _message(message))
        case ReplyFailed.type, [str(code), str(text)]:
            return ReplyFailed(record_id, attempt, ReplyError(code, text))
        case _:
            raise ValueError(f"no event: {kind}")


def _message_fields(message: Message) -> list[object]:
    return [
        message.message_id,
        message.session_id,
        message.from_user_id,
        message.msg_type.value,
        message.msg_content,
        rfc3339(message.created_at),
        rfc3339(message.updated_at),
        message.seq,
    ]


def _message(fields: list[object]) -> Message:
    match fields:
        case [str(message_id), str(session_id), str(sender), str(kind), str(content), str(created), str(updated), int(seq)]:
            times = from_rfc3339(created), from_rfc3339(updated)
            return Message(message_id, session_id, sender, MessageType(kind), content, *times, seq=seq)
        case _:
            raise ValueError("no message")
