"""Open WebSockets on which nothing is said."""

from __future__ import annotations

from functools import partial

from loadtest.benchmarks.clients import websocket
from loadtest.benchmarks.clients.dialect import token_of
from loadtest.benchmarks.clients.load import Load, gently
from loadtest.benchmarks.clients.tally import Tally

SOCKETS_AN_ADDRESS = 5000
"""Each source address has its own ports."""


class IdleSockets(Load):
    """`sockets` of them, `per_user` a user; pings are answered."""

    def __init__(self, tally: Tally, *, port: int, sockets: int, per_user: int) -> None:
        super().__init__(tally)
        self._port, self._count, self._per_user = port, sockets, per_user
        self._tokens = [token_of(f"idle{number}") for number in range(-(-sockets // per_user))]
        self._sockets: list[websocket.WebSocketConnection] = []

    async def connect(self) -> None:
        await gently(self._open(number) for number in range(self._count))

    def start(self) -> None:
        """There is nothing to send."""

    def close(self) -> None:
        for socket in self._sockets:
            socket.close()

    async def _open(self, number: int) -> None:
        user = number // self._per_user
        headers = f"Sec-WebSocket-Protocol: bearer, {self._tokens[user]}\r\n"
        local_host = f"127.0.0.{2 + number // SOCKETS_AN_ADDRESS}"
        hear = partial(_hear, self.tally)
        self._sockets.append(await websocket.connect(self._port, f"/ws/idle{user}", headers, hear, self.tally.fail, local_host=local_host))


def _hear(tally: Tally, text: bytes) -> None:
    tally.count("frames")
    del text
