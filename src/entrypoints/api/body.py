"""A request's body, read without FastAPI and without ever holding more of it than is allowed."""

from __future__ import annotations

from typing import cast

import orjson
from starlette.requests import Request

from imcore.errors import InvalidRequestError, TooLargeError


async def read_json_object(request: Request, max_bytes: int) -> dict[str, object]:
    """The JSON object that the body is.

    Raises:
        TooLargeError: more than `max_bytes`.
        InvalidRequestError: something else than a JSON object.
    """
    try:
        fields = orjson.loads(await _read(request, max_bytes))
    except ValueError:  # orjson's text would tell nothing more
        raise InvalidRequestError("The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise InvalidRequestError("The body is not a JSON object.")
    return cast("dict[str, object]", fields)


async def _read(request: Request, max_bytes: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise TooLargeError(f"The body is too large: at most {max_bytes} bytes are accepted.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise TooLargeError(f"The body is too large: at most {max_bytes} bytes are accepted.")
    return bytes(body)
