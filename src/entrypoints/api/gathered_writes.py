"""What one turn of the event loop writes to a connection leaves with one system call.

uvicorn writes an answer's head and its body each by itself, and each WebSocket frame. On a socket that costs 10 to 15 µs a write on
both sides, a tenth of a whole send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GATHERED_BYTES = 64 * 1024
"""More than that is not kept back: from there on the transport itself says when to pause."""


class GatheredWrites:
    """A transport around another one. All but writing and closing is the other's."""

    __slots__ = ("_loop", "_parts", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > GATHERED_BYTES:
            self.flush()

    def writelines(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            self.write(part)

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """What was written is still sent."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._parts, self._size = [], 0
        self._transport.abort()

    def flush(self) -> None:
        """Write now what was gathered."""
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))


class GatheringProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol on such a transport; a WebSocket takes it over with the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it asks for no more than this has
        self._gathered = GatheredWrites(transport, self.loop)
        super().connection_made(self._gathered)  # type: ignore[arg-type]  # all of a transport, by delegation

    def eof_received(self) -> None:
        """The client has nothing more to say, and may still read: after this the transport closes itself."""
        self._gathered.flush()
        super().eof_received()
