"""A user of imcore who sends over a WebSocket and listens for acceptance alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import orjson

from loadtest.benchmarks.clients import websocket
from loadtest.benchmarks.clients.dialect import text_of, token_of


class SocketUser:
    """One WebSocket to imcore. Replies that others cause are not looked at."""

    def __init__(self, user_id: str, port: int, on_problem: Callable[[str], None]) -> None:
        self._user_id, self._port = user_id, port
        self._on_problem = on_problem
        self._stem, self._number = f"{uuid.uuid4().hex}-", 0
        self._connection: websocket.WebSocketConnection | None = None
        self._waiting: dict[str, Callable[[], None]] = {}
        self._ready = asyncio.Event()

    async def connect(self) -> None:
        headers = f"Sec-WebSocket-Protocol: bearer, {token_of(self._user_id)}\r\n"
        self._connection = await websocket.connect(self._port, f"/ws/{self._user_id}", headers, self._hear, self._on_problem)
        await self._ready.wait()

    def send(self, on_accepted: Callable[[], None]) -> None:
        """Several may be under way."""
        assert self._connection is not None  # noqa: S101  # connected before the start
        self._number += 1
        message_id = f"{self._stem}{self._number}"
        self._waiting[message_id] = on_accepted
        text = f'{{"type":"message.send","message_id":"{message_id}","msg_content":"{text_of(self._number)}"}}'
        self._connection.send(text.encode())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _hear(self, text: bytes) -> None:
        frame = orjson.loads(text)
        match frame["type"]:
            case "message.accepted":
                self._waiting.pop(frame["message"]["message_id"])()
            case "ready":
                self._ready.set()
            case "message.rejected" | "error":
                self._on_problem(text.decode())
