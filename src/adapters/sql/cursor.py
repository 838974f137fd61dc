"""The opaque cursor of a page: the last row's key, in a form that nobody is tempted to make up."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from imcore.errors import InvalidRequestError

_KEY = re.compile(rb"before:([1-9][0-9]{0,18})")
_MAX_CURSOR_CHARS = 64


def encoded(key: int) -> str:
    return urlsafe_b64encode(b"before:%d" % key).decode().rstrip("=")


def decoded(cursor: str) -> int:
    """The inverse of `encoded`.

    Raises:
        InvalidRequestError: it is no such cursor.
    """
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)) if len(cursor) <= _MAX_CURSOR_CHARS else b""
    except ValueError:
        text = b""
    match = _KEY.fullmatch(text)
    key = int(match[1]) if match else 0
    if not 0 < key < 1 << 63:
        raise InvalidRequestError("cursor: pass the `next_cursor` of the page before, unchanged.")
    return key
