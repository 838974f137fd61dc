"""A user of the reference: sends over HTTP, tokens over a WebSocket."""

from __future__ import annotations

import orjson

from loadtest.benchmarks.clients import websocket
from loadtest.benchmarks.clients.conversation import ConversationUser
from loadtest.benchmarks.clients.dialect import BaselineDialect
from loadtest.benchmarks.clients.http import HttpConnection


class BaselineUser(ConversationUser):
    _http: HttpConnection | None = None

    async def connect(self) -> None:
        self._dialect = BaselineDialect(self.user_id)
        self.socket = await websocket.connect(self.port, f"/ws/{self.user_id}", "", self._hear, self._lost)
        self._http = HttpConnection(self.port, self._answered)
        await self._http.connect()

    def send(self) -> None:
        assert self._http is not None  # noqa: S101  # connected before
        self._http.send(self._dialect.request())

    def close(self) -> None:
        super().close()
        if self._http is not None:
            self._http.close()

    def _answered(self, status: int, body: bytes) -> None:
        if self._dialect.is_right(status, body):
            self.accepted()
        else:
            self.failed(f"{status} {body!r}")

    def _hear(self, text: bytes) -> None:
        event = orjson.loads(text)
        if event["type"] == "token":
            self.text += event["t"]
            self.token()
        else:
            self.completed(self.text)  # it does not tell what it has stored

    def _lost(self, problem: str) -> None:
        self.tally.fail(f"{self.user_id}: {problem}")
