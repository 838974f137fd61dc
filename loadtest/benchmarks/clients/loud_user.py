"""A user to whom a lot is said and who may not listen: what is written to it fills every buffer on its way."""

from __future__ import annotations

import asyncio
import uuid

from loadtest.benchmarks.clients import http, websocket
from loadtest.benchmarks.clients.dialect import text_of, token_of
from loadtest.benchmarks.clients.tally import Tally

SESSIONS = 20
PAUSE_S = 1 / SESSIONS
SMALL_BUFFER_BYTES = 4096


class LoudUser:
    """20 messages a second over HTTP, each into another of its sessions, so that 20 replies come at once to its WebSocket.

    One that is deaf never reads that socket, and comes back with another one when it is thrown out; the tally counts `evictions`.
    """

    def __init__(self, user_id: str, port: int, tally: Tally, *, is_deaf: bool) -> None:
        self._user_id, self._port, self._tally, self._is_deaf = user_id, port, tally, is_deaf
        self._token = token_of(user_id)
        self._http = http.HttpConnection(port, self._answered)
        self._socket: websocket.WebSocketConnection | None = None
        self._coming_back: asyncio.Task[None] | None = None
        self._number = 0
        self._is_busy = self._is_gone = False

    async def connect(self) -> None:
        await self._http.connect()
        await self._listen()

    def start(self) -> None:
        if not self._is_gone:
            self._say()
            asyncio.get_running_loop().call_later(PAUSE_S, self.start)

    def close(self) -> None:
        self._is_gone = True
        self._http.close()
        if self._socket is not None:
            self._socket.close()

    async def _listen(self) -> None:
        headers = f"Sec-WebSocket-Protocol: bearer, {self._token}\r\n"
        buffer = SMALL_BUFFER_BYTES if self._is_deaf else 0
        path = f"/ws/{self._user_id}"
        self._socket = await websocket.connect(self._port, path, headers, _ignore_text, self._lost, receive_bytes=buffer)
        if self._is_deaf:
            self._socket.stop_reading()

    def _say(self) -> None:
        if self._is_busy:
            return
        self._number += 1
        session_id = f"{self._user_id}:{self._number % SESSIONS}"
        body = f'{{"message_id":"{uuid.uuid4().hex}","session_id":"{session_id}","msg_content":"{text_of(self._number)}"}}'
        self._is_busy = True
        self._http.send(http.post("/api/message/send", body.encode(), b"Authorization: Bearer %s\r\n" % self._token.encode()))

    def _answered(self, status: int, body: bytes) -> None:
        self._is_busy = False
        if status != 202:  # noqa: PLR2004  (accepted)
            self._tally.fail(f"{self._user_id}: {status} {body!r}")

    def _lost(self, reason: str) -> None:
        if not self._is_deaf:
            self._tally.fail(f"{self._user_id}: {reason}")
        elif not self._is_gone:
            self._tally.count("evictions")
            self._coming_back = asyncio.create_task(self._listen())


def _ignore_text(text: bytes) -> None:
    del text
