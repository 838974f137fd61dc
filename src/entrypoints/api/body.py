"""A request's body, read without FastAPI and without ever holding more of it than is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from imcore.errors import InvalidRequestError, TooLargeError


async def read_json_object(headers: Mapping[str, str], receive: Receive, max_bytes: int) -> dict[str, object]:
    """The JSON object that the body is.

    Raises:
        TooLargeError: more than `max_bytes`.
        InvalidRequestError: something else than a JSON object.
        ClientDisconnect: the client left before its body was whole.
    """
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    try:
        fields = orjson.loads(await _read(receive, max_bytes))
    except ValueError:  # orjson's text would tell nothing more
        raise InvalidRequestError("The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise InvalidRequestError("The body is not a JSON object.")
    return cast("dict[str, object]", fields)


async def _read(receive: Receive, max_bytes: int) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        more = message.get("more_body", False)
    return body


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(f"The body is too large: at most {max_bytes} bytes are accepted.")
