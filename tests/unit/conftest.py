"""Unit tests reach nothing: whoever needs a server belongs in tests/integration."""

from __future__ import annotations

import socket
from typing import Never

import pytest


class SocketUsedError(Exception):
    """A unit test tried to listen or to connect."""


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event loop keeps the socket pair that it wakes itself with."""

    def refuse(_: socket.socket, *address: object) -> Never:
        raise SocketUsedError(f"a unit test may not open a socket, this one tried {address}")

    for method in ("bind", "connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, method, refuse)
