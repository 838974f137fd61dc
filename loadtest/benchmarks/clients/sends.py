"""Closed loops: every user sends, waits for the answer, sends the next."""

from __future__ import annotations

from functools import partial

from loadtest.benchmarks.clients.dialect import DIALECTS, Dialect
from loadtest.benchmarks.clients.http import HttpConnection
from loadtest.benchmarks.clients.load import Load, gently
from loadtest.benchmarks.clients.socket_user import SocketUser
from loadtest.benchmarks.clients.tally import Tally, now


class HttpSends(Load):
    """`service` is imcore, baseline or echo; a keep-alive connection a user."""

    def __init__(self, tally: Tally, *, port: int, users: int, service: str) -> None:
        super().__init__(tally)
        self._users = [_HttpUser(self, port, DIALECTS[service](f"user{number}")) for number in range(users)]

    async def connect(self) -> None:
        await gently(user.connection.connect() for user in self._users)

    def start(self) -> None:
        for user in self._users:
            user.send()

    def close(self) -> None:
        for user in self._users:
            user.connection.close()


class _HttpUser:
    def __init__(self, load: Load, port: int, dialect: Dialect) -> None:
        self.connection = HttpConnection(port, self._hear)
        self._load, self._dialect = load, dialect
        self._sent_at = 0.0

    def send(self) -> None:
        self._sent_at = now()
        self.connection.send(self._dialect.request())

    def _hear(self, status: int, body: bytes) -> None:
        tally = self._load.tally
        if self._dialect.is_right(status, body):
            tally.count("sends")
            tally.time("accept", now() - self._sent_at)
        else:
            tally.fail(f"{status} {body!r}")
        if status and not self._load.is_stopped:
            self.send()


class WebSocketSends(Load):
    """imcore over WebSocket; `users` sockets."""

    def __init__(self, tally: Tally, *, port: int, users: int) -> None:
        super().__init__(tally)
        self._users = [SocketUser(f"user{number}", port, tally.fail) for number in range(users)]

    async def connect(self) -> None:
        await gently(user.connect() for user in self._users)

    def start(self) -> None:
        for user in self._users:
            self._send(user)

    def close(self) -> None:
        for user in self._users:
            user.close()

    def _send(self, user: SocketUser) -> None:
        user.send(partial(self._accepted, user, now()))

    def _accepted(self, user: SocketUser, sent_at: float) -> None:
        self.tally.count("sends")
        self.tally.time("accept", now() - sent_at)
        if not self.is_stopped:
            self._send(user)
