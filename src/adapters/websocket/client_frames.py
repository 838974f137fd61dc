"""Client frames: what a client may say over its WebSocket, parsed and checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast

import orjson

from imcore.errors import InvalidRequestError
from imcore.ids import check_message_id
from imcore.value import value

MAX_KNOWN_REPLIES = 100
MAX_PING_ID_CHARS = 64
MAX_SEQ = 2**63 - 1


@value
class MessageSend:
    """`msg_content` is checked where messages are made."""

    type: ClassVar[str] = "message.send"
    message_id: str | None
    session_id: str | None
    msg_content: object


@value
class ReplyCancel:
    type: ClassVar[str] = "reply.cancel"
    record_id: str


@value
class Resume:
    """`known_replies` are the records of the replies in progress that the client knows of."""

    type: ClassVar[str] = "resume"
    session_id: str | None
    after_seq: int
    known_replies: tuple[str, ...]


@value
class Ping:
    type: ClassVar[str] = "ping"
    id: str | int | None


ClientFrame = MessageSend | ReplyCancel | Resume | Ping


class BadFrameError(InvalidRequestError):
    """Not a frame that a client may send. `about` is its type if it has a known one, `message_id` that of a send."""

    def __init__(self, detail: str, about: str | None = None, message_id: str | None = None) -> None:
        super().__init__(detail)
        self.about = about
        self.message_id = message_id


def parse(text: str | None) -> ClientFrame:
    """The frame that `text` is, None for a binary one.

    Raises:
        BadFrameError: the text says what is accepted instead.
    """
    fields = _json_object(text)
    kind = fields.get("type")
    known = _PARSERS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise BadFrameError(f"type: one of {', '.join(_PARSERS)} is needed.")
    try:
        return known(fields)
    except InvalidRequestError as error:
        message_id = fields.get("message_id")
        raise BadFrameError(error.detail, str(kind), message_id if isinstance(message_id, str) else None) from None


def _json_object(text: str | None) -> dict[str, object]:
    if text is None:
        raise BadFrameError("Binary frames are not accepted; one JSON object a text frame is.")
    try:
        fields = orjson.loads(text)
    except ValueError:  # orjson's text would tell nothing more
        raise BadFrameError("The frame is not JSON; one JSON object a text frame is accepted.") from None
    if not isinstance(fields, dict):
        raise BadFrameError("The frame is not a JSON object.")
    return cast("dict[str, object]", fields)


def message_send(fields: dict[str, object]) -> MessageSend:
    """A send, over whichever way it came.

    Raises:
        InvalidRequestError: an id that cannot be one.
    """
    message_id = _optional_text(fields, "message_id")
    if message_id is not None:
        check_message_id(message_id)
    return MessageSend(message_id, _optional_text(fields, "session_id"), fields.get("msg_content"))


def _reply_cancel(fields: dict[str, object]) -> ReplyCancel:
    return ReplyCancel(_record_id(fields.get("record_id")))


def _resume(fields: dict[str, object]) -> Resume:
    after_seq = fields.get("after_seq")
    if not isinstance(after_seq, int) or isinstance(after_seq, bool) or not 0 <= after_seq <= MAX_SEQ:
        raise InvalidRequestError("after_seq: 0 or the `seq` of the last message you have.")
    replies = fields.get("replies") or []
    if not isinstance(replies, list) or len(replies) > MAX_KNOWN_REPLIES or not all(isinstance(reply, dict) for reply in replies):
        raise InvalidRequestError(f"replies: a list of at most {MAX_KNOWN_REPLIES} objects with a `record_id`.")
    known = dict.fromkeys(_record_id(reply.get("record_id")) for reply in replies)  # each costs a look at the store: none twice
    return Resume(_optional_text(fields, "session_id"), after_seq, tuple(known))


def _ping(fields: dict[str, object]) -> Ping:
    ping_id = fields.get("id")
    if isinstance(ping_id, bool) or not isinstance(ping_id, str | int | None) or len(str(ping_id)) > MAX_PING_ID_CHARS:
        raise InvalidRequestError(f"id: a whole number or a string of at most {MAX_PING_ID_CHARS} characters.")
    return Ping(ping_id)


def _record_id(value: object) -> str:
    try:
        return check_message_id(value if isinstance(value, str) else "")
    except InvalidRequestError:
        raise InvalidRequestError("record_id: the id of a record is needed.") from None


def _optional_text(fields: dict[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRequestError(f"{name}: a string, or leave it out.")
    return value


_PARSERS: dict[str, Callable[[dict[str, object]], ClientFrame]] = {
    MessageSend.type: message_send,
    ReplyCancel.type: _reply_cancel,
    Resume.type: _resume,
    Ping.type: _ping,
}
