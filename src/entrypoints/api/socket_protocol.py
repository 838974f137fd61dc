"""uvicorn's WebSocket protocol with a short way out.

ASGI's way of sending is a coroutine: whoever has something to say to many sockets needs a task for each, and each encodes anew what is
the same for all. Here a frame is bytes, written by a plain call.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

EXTENSION = "imcore.socket"
"""The key in an ASGI scope's extensions."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """Puts itself into the scope, unless its messages are to be compressed."""

    async def run_asgi(self) -> None:
        if not self.conn.extensions:
            extensions: Any = self.scope["extensions"]
            extensions[EXTENSION] = self
        await super().run_asgi()

    def takes_frames(self) -> bool:
        """Whether a frame can be written now. If not, ASGI's `send` waits for the client, or knows what is wrong."""
        return self.conn.state is State.OPEN and self.writable.is_set()

    def write_frame(self, wire: bytes) -> None:
        """A whole frame as it goes over the wire."""
        self.transport.write(wire)
