"""A server that plays scripts in turn, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.stand_ins.http_script import RESET, Step, answer


@dataclass(frozen=True)
class Asked:
    """One request, as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Server:
    """Plays its scripts in turn, the last one for all further requests; an empty script, or b"" at its end, closes the connection."""

    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    all_closed: asyncio.Event = field(default_factory=asyncio.Event)


async def read_request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"(?i)content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Asked(method, path, headers, json.loads(body) if body else None)


async def send(writer: asyncio.StreamWriter, script: list[Step]) -> None:
    for step in script:
        if isinstance(step, asyncio.Event):
            await step.wait()
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif step == RESET:
            writer.transport.abort()
        else:
            writer.write(step)
            await writer.drain()


@asynccontextmanager
async def playing(*scripts: list[Step]) -> AsyncIterator[Server]:
    server = Server()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script: list[Step] = [b"one"]
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # the client has left
            while script and script[-1] != b"":
                server.asked.append(await read_request(reader))
                server.was_asked.set()
                script = scripts[min(len(server.asked), len(scripts)) - 1]
                await send(writer, script)

    tasks: set[asyncio.Task[None]] = set()

    def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(play(reader, writer))
        server.connections += 1
        server.all_closed.clear()
        tasks.add(task)

        def on_end(_: object) -> None:
            writer.close()
            tasks.discard(task)
            if not tasks:
                server.all_closed.set()

        task.add_done_callback(on_end)

    listener = await asyncio.start_server(on_client, "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def status(code: int, *headers: bytes, body: bytes = b'{"error": {"message": "no"}}') -> list[Step]:
    """A whole answer with further header lines; its connection stays open."""
    return [answer(code, body).replace(b"\r\n\r\n", b"\r\n" + b"".join(headers) + b"\r\n", 1)]
