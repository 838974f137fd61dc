"""One keep-alive HTTP connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

OnAnswer = Callable[[int, bytes], None]
"""Status and body; status 0 once the connection is lost."""

_LENGTH = b"content-length:"


class HttpConnection:
    """One request at a time: `send` the next once `on_answer` has been called. What a server closes while idle is opened anew."""

    def __init__(self, port: int, on_answer: OnAnswer) -> None:
        self._port = port
        self._on_answer = on_answer
        self._protocol: _Protocol | None = None
        self._reconnecting: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Raises `OSError` if nobody listens."""
        loop = asyncio.get_running_loop()
        _, self._protocol = await loop.create_connection(lambda: _Protocol(self._on_answer), "127.0.0.1", self._port)

    def send(self, request: bytes) -> None:
        if self._protocol is not None and not self._protocol.is_lost:
            self._protocol.send(request)
        else:
            self._reconnecting = asyncio.create_task(self._reconnect(request))

    def close(self) -> None:
        if self._protocol is not None:
            self._protocol.close()

    async def _reconnect(self, request: bytes) -> None:
        try:
            await self.connect()
        except OSError:
            self._on_answer(0, b"")
        else:
            self.send(request)


class _Protocol(asyncio.Protocol):
    def __init__(self, on_answer: OnAnswer) -> None:
        self.is_lost = False
        self._on_answer = on_answer
        self._is_waiting = False
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_lost = True
        if self._is_waiting:
            self._answer(0, b"")

    def eof_received(self) -> None:
        self.is_lost = True

    def send(self, request: bytes) -> None:
        assert self._transport is not None  # noqa: S101  # connected before it is handed out
        self._is_waiting = True
        self._transport.write(request)

    def close(self) -> None:
        self._is_waiting = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = received[:end].lower()
        length_at = head.find(_LENGTH)
        length = int(head[length_at + len(_LENGTH) :].partition(b"\r\n")[0]) if length_at > 0 else 0
        if len(received) >= end + 4 + length:
            self._received = b""
            self._answer(int(head[9:12]), received[end + 4 : end + 4 + length])

    def _answer(self, status: int, body: bytes) -> None:
        self._is_waiting = False
        self._on_answer(status, body)


def post(path: str, body: bytes, headers: bytes = b"") -> bytes:
    """A request with a JSON body; `headers` are whole lines."""
    head = b"POST %s HTTP/1.1\r\nHost: benchmark\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (path.encode(), headers, len(body)) + body
