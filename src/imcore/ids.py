"""Ids: how the server makes them, and which ones it accepts from clients."""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from functools import lru_cache

from imcore.errors import ForbiddenError, InvalidRequestError, InvalidUserIdError

AI_USER_ID = "im:ai"
"""`from_user_id` of every reply. No user can have it: a user id never contains `:`."""

MAX_SESSION_ID_CHARS = 48

_USER_ID = re.compile(r"[A-Za-z0-9._@|-]{1,48}")
_SESSION_ID = re.compile(r"[A-Za-z0-9._@|-]+(:[A-Za-z0-9._@|:-]+)?")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

_RANDOM_BITS = (1 << 74) - 1
_TAIL_DIGITS = 20
_DRAWN_TAILS = 256
_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}


def new_id() -> str:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits."""
    return _head(time.time_ns() // 1_000_000) + _tail()


@lru_cache(16)
def _head(unix_ms: int) -> str:
    """Kept, for in one millisecond many ids are made."""
    digits = f"{unix_ms:012x}"
    return f"{digits[:8]}-{digits[8:]}-7"


_tails: list[str] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tails.clear)  # else two processes would give the same ids


def _tail() -> str:
    """Drawn from the system for many ids at once: a call for each costs as much as the rest of the id."""
    while True:
        try:
            return _tails.pop()
        except IndexError:
            drawn = os.urandom(_DRAWN_TAILS * _TAIL_DIGITS // 2).hex()
            pieces = (drawn[start : start + _TAIL_DIGITS] for start in range(0, len(drawn), _TAIL_DIGITS))
            _tails.extend(f"{piece[:3]}-{_VARIANT[piece[3]]}{piece[4:7]}-{piece[7:19]}" for piece in pieces)


def reply_message_id(record_id: str) -> str:
    """The id of the message that answers a record: one for the record's whole life, whatever its attempts.

    It is derived, not drawn: so every attempt would store the same id, and the unique index on `message_id` is a last
    guard against a doubled reply. It keeps the record's timestamp, so it is a UUIDv7 as well.
    """
    record = uuid.UUID(record_id).int
    digest = hashlib.blake2b(record_id.encode(), digest_size=10, person=b"im.reply").digest()
    return _uuid7(record >> 80, int.from_bytes(digest, "big") & _RANDOM_BITS)


def _uuid7(unix_ms: int, random: int) -> str:
    high, low = random >> 62, random & ((1 << 62) - 1)
    digits = f"{(unix_ms << 80) | (7 << 76) | (high << 64) | (2 << 62) | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def check_user_id(user_id: str) -> str:
    """Return `user_id`, or raise `InvalidUserIdError` naming the accepted form."""
    if not _USER_ID.fullmatch(user_id):
        raise InvalidUserIdError("A user id is 1 to 48 characters of A-Z a-z 0-9 . _ @ | - ; use a token with such a `sub`.")
    return user_id


def check_message_id(message_id: str) -> str:
    """Return `message_id`, or raise `InvalidRequestError` naming the accepted form."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise InvalidRequestError("message_id: 1 to 64 characters of A-Z a-z 0-9 . _ : - are accepted.")
    return message_id


def owned_session_id(user_id: str, session_id: str | None) -> str:
    """The session that `user_id` means: the default one for None.

    Raises:
        InvalidRequestError: no session of anybody can have this id.
        ForbiddenError: the session is another user's.
    """
    if session_id is None or session_id == user_id:
        return user_id
    if len(session_id) > MAX_SESSION_ID_CHARS or not _SESSION_ID.fullmatch(session_id):
        raise InvalidRequestError(
            "session_id: your user id, or your user id + ':' + a name of A-Z a-z 0-9 . _ @ | : - , "
            f"at most {MAX_SESSION_ID_CHARS} characters in all."
        )
    if session_owner(session_id) != user_id:
        raise ForbiddenError("This session belongs to another user.")
    return session_id


def session_owner(session_id: str) -> str:
    """The user whose session this is."""
    return session_id.partition(":")[0]
