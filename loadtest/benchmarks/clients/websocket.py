"""One WebSocket: text frames, as much of the protocol as a well-behaved server needs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

OnText = Callable[[bytes], None]
OnLost = Callable[[str], None]

_TEXT, _CLOSE, _PING, _PONG, _FINAL, _MASKED = 1, 8, 9, 10, 0x80, 0x80
_KEY = bytes(4)  # a mask of zeros leaves the payload as it is; the server has the same work
_SHORT, _MEDIUM = 126, 127
_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: benchmark\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
)


class WebSocketConnection(asyncio.Protocol):
    """`on_text` gets each message, `on_lost` why there will be no more."""

    def __init__(self, path: str, headers: str, on_text: OnText, on_lost: OnLost) -> None:
        self.on_text = on_text
        self._on_lost = on_lost
        self._handshake = _HANDSHAKE.format(path=path, headers=headers).encode()
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.is_upgraded: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._handshake)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_upgraded.done():
            self.is_upgraded.set_result(False)
        self._on_lost(f"the server closed a WebSocket: {exc}")

    def send(self, text: bytes) -> None:
        self._write(_TEXT, text)

    def close(self) -> None:
        self._on_lost = _ignore
        if self._transport is not None:
            self._transport.abort()

    def stop_reading(self) -> None:
        """From now on the server's data stays in the kernel's buffers."""
        assert self._transport is not None  # noqa: S101  # connected before it is handed out
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        if not self.is_upgraded.done():
            head, found, received = received.partition(b"\r\n\r\n")
            if not found:
                self._received = head
                return
            self.is_upgraded.set_result(head[9:12] == b"101")
        self._received = received[self._read_frames(received) :]

    def _read_frames(self, data: bytes) -> int:
        """Handle the whole frames in `data`; returns how many bytes they are."""
        at, end = 0, len(data)
        while end - at >= 2:  # noqa: PLR2004  # the shortest header
            length, begin = data[at + 1] & 0x7F, at + 2
            if length >= _SHORT:
                begin += 2 if length == _SHORT else 8
                if begin > end:
                    break
                length = int.from_bytes(data[at + 2 : begin])
            if begin + length > end:
                break
            self._hear(data[at] & 0x0F, data[begin : begin + length])
            at = begin + length
        return at

    def _hear(self, kind: int, payload: bytes) -> None:
        if kind == _TEXT:
            self.on_text(payload)
        elif kind == _PING:
            self._write(_PONG, payload)
        elif kind == _CLOSE:
            self._on_lost(f"the server closed a WebSocket: {payload!r}")
            self.close()

    def _write(self, kind: int, payload: bytes) -> None:
        assert self._transport is not None  # noqa: S101  # connected before it is handed out
        length = len(payload)
        if length < _SHORT:
            size = bytes((_MASKED | length,))
        elif length < 1 << 16:
            size = bytes((_MASKED | _SHORT,)) + length.to_bytes(2)
        else:
            size = bytes((_MASKED | _MEDIUM,)) + length.to_bytes(8)
        self._transport.write(bytes((_FINAL | kind,)) + size + _KEY + payload)


async def connect(
    port: int, path: str, headers: str, on_text: OnText, on_lost: OnLost, *, local_host: str = "127.0.0.1", receive_bytes: int = 0
) -> WebSocketConnection:
    """`headers` are whole lines; `local_host` is where to connect from, `receive_bytes` the size of the kernel's buffer (0: its own).

    Raises:
        ConnectionError: the server refuses.
    """
    loop = asyncio.get_running_loop()
    plain = socket.socket()
    plain.setblocking(False)
    if receive_bytes:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    plain.bind((local_host, 0))
    await loop.sock_connect(plain, ("127.0.0.1", port))
    _, connection = await loop.create_connection(lambda: WebSocketConnection(path, headers, on_text, on_lost), sock=plain)
    if not await connection.is_upgraded:
        raise ConnectionError(f"the server refused the WebSocket {path}")
    return connection


def _ignore(reason: str) -> None:
    del reason
