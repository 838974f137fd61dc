"""A user of imcore: everything over one WebSocket."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson

from loadtest.benchmarks.clients import websocket
from loadtest.benchmarks.clients.conversation import ConversationUser
from loadtest.benchmarks.clients.dialect import text_of, token_of


class ImcoreUser(ConversationUser):
    _number = 0

    async def connect(self) -> None:
        self._stem, self._ready = uuid.uuid4().hex, asyncio.Event()
        headers = f"Sec-WebSocket-Protocol: bearer, {token_of(self.user_id)}\r\n"
        self.socket = await websocket.connect(self.port, f"/ws/{self.user_id}", headers, self._hear, self._lost)
        await self._ready.wait()

    def send(self) -> None:
        assert self.socket is not None  # noqa: S101  # connected before
        self._number += 1
        text = f'{{"type":"message.send","message_id":"{self._stem}-{self._number}","msg_content":"{text_of(self._number)}"}}'
        self.socket.send(text.encode())

    def _hear(self, text: bytes) -> None:
        frame = orjson.loads(text)
        match frame["type"]:
            case "reply.delta":
                self._delta(frame)
            case "reply.completed":
                self.completed(frame["message"]["msg_content"])
            case "message.accepted":
                self.accepted()
            case "reply.started":
                self.text = ""
            case "ready":
                self._ready.set()
            case _:
                self.failed(text.decode())

    def _delta(self, frame: dict[str, Any]) -> None:
        if frame["offset"] > len(self.text):
            self.tally.fail(f"{self.user_id}: a gap before character {frame['offset']} of {self.text!r}")
        self.text = self.text[: frame["offset"]] + frame["text"]
        self.token()

    def _lost(self, problem: str) -> None:
        self.tally.fail(f"{self.user_id}: {problem}")
