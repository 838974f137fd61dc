"""An open loop: sends at a fixed rate, whatever the answers do. Times count from the moment at which a send was due."""

from __future__ import annotations

import asyncio
from collections import deque

from loadtest.benchmarks.clients.dialect import DIALECTS
from loadtest.benchmarks.clients.http import HttpConnection
from loadtest.benchmarks.clients.load import Load, gently, wait_until
from loadtest.benchmarks.clients.socket_user import SocketUser
from loadtest.benchmarks.clients.tally import Tally, now

TICK_S = 0.001
DRAIN_S = 10.0


class OpenLoop(Load):
    """`rate` sends a second in all, the users in turn, over HTTP or WebSocket (`over`). A user whose connection is busy sends a little
    later; its time has run since then."""

    def __init__(self, tally: Tally, *, port: int, users: int, rate: float, over: str) -> None:
        super().__init__(tally)
        self.port, self._pause_s = port, 1 / rate
        self._users = [
            _HttpUser(f"user{number}", self) if over == "http" else _WebSocketUser(f"user{number}", self) for number in range(users)
        ]
        self._due_at, self._next, self._outstanding = 0.0, 0, 0

    async def connect(self) -> None:
        await gently(user.connect() for user in self._users)

    def start(self) -> None:
        self._due_at = now()
        self._tick()

    def answered(self, due_at: float) -> None:
        self._outstanding -= 1
        self.tally.count("sends")
        self.tally.time("accept", now() - due_at)

    async def drained(self) -> None:
        await wait_until(lambda: not self._outstanding, DRAIN_S)
        if self._outstanding:
            self.tally.fail(f"{self._outstanding} sends without an answer")

    def close(self) -> None:
        for user in self._users:
            user.close()

    def _tick(self) -> None:
        if self.is_stopped:
            return
        while self._due_at <= now():
            self._users[self._next].due(self._due_at)
            self._outstanding += 1
            self._next = (self._next + 1) % len(self._users)
            self._due_at += self._pause_s
        asyncio.get_running_loop().call_later(TICK_S, self._tick)


class _WebSocketUser(SocketUser):
    def __init__(self, user_id: str, load: OpenLoop) -> None:
        super().__init__(user_id, load.port, load.tally.fail)
        self._load = load

    def due(self, due_at: float) -> None:
        self.send(lambda: self._load.answered(due_at))


class _HttpUser:
    def __init__(self, user_id: str, load: OpenLoop) -> None:
        self._load = load
        self._dialect = DIALECTS["imcore"](user_id)
        self._due: deque[float] = deque()
        self._connection = HttpConnection(load.port, self._hear)

    async def connect(self) -> None:
        await self._connection.connect()

    def due(self, due_at: float) -> None:
        self._due.append(due_at)
        if len(self._due) == 1:
            self._send()

    def close(self) -> None:
        self._connection.close()

    def _send(self) -> None:
        self._connection.send(self._dialect.request())

    def _hear(self, status: int, body: bytes) -> None:
        if not self._dialect.is_right(status, body):
            self._load.tally.fail(f"{status} {body!r}")
        if not status:
            return
        self._load.answered(self._due.popleft())
        if self._due:
            self._send()
