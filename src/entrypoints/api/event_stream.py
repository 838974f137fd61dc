"""The response of an event stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Send

MEDIA_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second tells nginx to pass each event on at once


class EventStreamResponse(StreamingResponse):
    """Closes its generator when the client has left, too: that is where the connection leaves the hub."""

    media_type = MEDIA_TYPE

    def __init__(self, chunks: AsyncGenerator[bytes], status_code: int = 200) -> None:
        super().__init__(chunks, status_code, _HEADERS)
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._chunks):
            await super().stream_response(send)


def wants_events(accept: str | None) -> bool:
    return MEDIA_TYPE in (accept or "").lower()
