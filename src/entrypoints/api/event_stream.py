"""The response of an event stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

log = logging.getLogger(__name__)

MEDIA_TYPE = "text/event-stream"
SEND_S = 30.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second tells nginx to pass each event on at once


class EventStreamResponse(StreamingResponse):
    """Closes its generator when the client has left, too: that is where the connection leaves the hub.

    A client that takes nothing for `SEND_S` counts as one that has left.
    """

    media_type = MEDIA_TYPE

    def __init__(self, chunks: AsyncGenerator[bytes], status_code: int = 200) -> None:
        super().__init__(chunks, status_code, _HEADERS)
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(SEND_S):
                    await send(message)
            except TimeoutError:
                log.info("an event stream is given up: its client does not read")
                raise ClientDisconnect from None

        async with aclosing(self._chunks):
            await super().stream_response(send_in_time)


def wants_events(accept: str | None) -> bool:
    return MEDIA_TYPE in (accept or "").lower()
