"""A server that answers every request with the same bytes, well-formed or not, at the pace that a script sets."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

Step = bytes | float | asyncio.Event
"""Bytes to send, seconds to be silent, or something to wait for."""

RESET = b"\0reset"
"""Instead of bytes: break the connection so that the client's kernel hears of it."""

CLOSE = b"\0close"
"""Instead of bytes: close the connection at once, also with TLS, whose peers would take leave of each other."""

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def chunked(body: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(body), body)


def event(data: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def frame(text: str | None = "", finish_reason: str | None = None, **more: object) -> bytes:
    """The event of one frame of a chat completion; `more` is added to its delta."""
    choice = {"index": 0, "delta": {"content": text, **more}, "finish_reason": finish_reason}
    return event({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]})


def answer(status: int, body: bytes, content_type: str = "application/json") -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %d Scripted\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (status, content_type.encode(), len(body), body)


@asynccontextmanager
async def serving(script: Sequence[Step], *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The base URL of a server that plays `script` for every request, and then closes the connection."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        for step in script:
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step == RESET:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif step == CLOSE:
                writer.transport.abort()
            else:
                writer.write(step)
                await writer.drain()

    playing: set[asyncio.Task[None]] = set()

    def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(play(reader, writer))
        playing.add(task)
        task.add_done_callback(playing.discard)
        task.add_done_callback(lambda _: writer.close())

    server = await asyncio.start_server(on_client, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
