"""Message: one immutable line of a session."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum

from imcore.errors import InvalidRequestError, TooLargeError
from imcore.value import value

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


class MessageType(StrEnum):
    TEXT = "TEXT"
    AI_REPLY = "AI_REPLY"


@value
class Message:
    """`seq` orders the messages of a session: always growing, gaps allowed; 0 until the store has given one. Times are UTC."""

    message_id: str
    session_id: str
    from_user_id: str
    msg_type: MessageType
    msg_content: str
    created_at: datetime
    updated_at: datetime
    seq: int = 0

    def numbered(self, seq: int) -> Message:
        """It with its `seq`. For each message of all that are stored: `dataclasses.replace` takes twice the time."""
        return Message(
            self.message_id,
            self.session_id,
            self.from_user_id,
            self.msg_type,
            self.msg_content,
            self.created_at,
            self.updated_at,
            seq,
        )

    def says_the_same_as(self, other: Message) -> bool:
        """Whether `other`, under the same id, is a repetition of this message and not another one."""
        return (self.session_id, self.from_user_id, self.msg_content) == (other.session_id, other.from_user_id, other.msg_content)


def storable(text: str) -> str:
    """`text` with what no database keeps (NUL, unpaired surrogates) replaced by U+FFFD, so that its length stays."""
    return _NOT_STORABLE.sub("\ufffd", text)


def check_content(text: object, max_chars: int) -> str:
    """Return `text` if it can be a message's content.

    Raises:
        InvalidRequestError: not a string, nothing but white space, or characters that no database keeps.
        TooLargeError: more than `max_chars` Unicode code points.
    """
    if not isinstance(text, str):
        raise InvalidRequestError("msg_content: a JSON string is needed.")
    if not text.strip():
        raise InvalidRequestError("msg_content: the message is empty.")
    if len(text) > max_chars:
        raise TooLargeError(f"msg_content: {len(text)} characters, at most {max_chars} are accepted.")
    if _NOT_STORABLE.search(text):
        raise InvalidRequestError("msg_content: NUL and unpaired surrogates cannot be stored.")
    return text
