"""The API on a real port of this machine, served by uvicorn on the test's own event loop."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Self

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from adapters.websocket.close_codes import GOING_AWAY
from entrypoints.api.app import create_app
from entrypoints.api.socket_session import SocketTimes
from tests.fakes.api_container import MemoryContainer


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals are pytest's."""
        yield


class Client:
    """A WebSocket's other end: frames as dicts."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **frame: object) -> None:
        await self.connection.send(json.dumps(frame))

    async def frame(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            frame: dict[str, Any] = json.loads(await self.connection.recv())
        return frame

    async def frame_of(self, *types: str) -> dict[str, Any]:
        """The next frame of one of these types; others are passed over."""
        while (frame := await self.frame())["type"] not in types:
            pass
        return frame

    async def frames_until(self, last: str) -> list[dict[str, Any]]:
        """All frames up to one of the type `last`."""
        frames = [await self.frame()]
        while frames[-1]["type"] != last:
            frames.append(await self.frame())
        return frames

    async def closed(self) -> tuple[int | None, str | None]:
        """Code and reason with which the server closed it; what was still to be read is passed over."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(10):
                while True:
                    await self.connection.recv()
        return self.connection.close_code, self.connection.close_reason


class ApiServer:
    """A running API; `http` calls it, `client` opens a socket."""

    def __init__(self, container: MemoryContainer, port: int, http: httpx.AsyncClient, server: uvicorn.Server) -> None:
        self.container = container
        self.port = port
        self.http = http
        self.server = server

    def token(self, user_id: str = "ann", ttl_s: float = 3600) -> str:
        return self.container.tokens().issue(user_id, ttl_s)

    def auth(self, user_id: str = "ann") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(user_id)}"}

    def ws_url(self, user_id: str = "ann") -> str:
        return f"ws://127.0.0.1:{self.port}/ws/{user_id}"

    @asynccontextmanager
    async def client(self, user_id: str = "ann", *, token: str | None = None, **options: Any) -> AsyncIterator[Client]:
        """A socket that has read its `ready`."""
        async with self.connect(user_id, token=token, **options) as connection:
            client = Client(connection)
            assert (await client.frame())["type"] == "ready"
            yield client

    def connect(self, user_id: str = "ann", *, token: str | None = None, **options: Any) -> connect:
        protocols = [Subprotocol("bearer"), Subprotocol(token or self.token(user_id))]
        return connect(self.ws_url(user_id), subprotocols=protocols, compression=None, proxy=None, **options)

    async def send(self, text: str = "hello", user_id: str = "ann", **fields: object) -> httpx.Response:
        return await self.http.post("/api/message/send", json={"msg_content": text, **fields}, headers=self.auth(user_id))

    async def get(self, path: str, user_id: str = "ann", **params: str | int) -> httpx.Response:
        return await self.http.get(path, params=params, headers=self.auth(user_id))

    async def post(self, path: str, user_id: str = "ann") -> httpx.Response:
        return await self.http.post(path, headers=self.auth(user_id))

    def stop(self) -> None:
        """What a signal does."""
        self.container.hub().close_all(GOING_AWAY)
        self.server.should_exit = True

    async def ended_reply(self, message_id: str, user_id: str = "ann") -> dict[str, Any]:
        """The reply to a message, once it has ended."""
        async with self.http.stream(
            "GET", f"/api/message/{message_id}/reply", headers=self.auth(user_id) | {"Accept": "text/event-stream"}
        ) as response:
            await response.aread()
        reply: dict[str, Any] = (await self.get(f"/api/message/{message_id}/reply", user_id)).json()
        return reply

    @classmethod
    @asynccontextmanager
    async def running(cls, container: MemoryContainer | None = None, *, socket_times: SocketTimes | None = None) -> AsyncIterator[Self]:
        container = container or MemoryContainer()
        app = create_app(container, socket_times)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            config = uvicorn.Config(
                app, log_config=None, access_log=False, ws_per_message_deflate=False, ws_max_size=1_000_000, timeout_graceful_shutdown=5
            )
            server = _Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                while not server.started and not serving.done():  # noqa: ASYNC110  (uvicorn has no event for it)
                    await asyncio.sleep(0.005)
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as http:
                    yield cls(container, port, http, server)
            finally:
                server.should_exit = True
                await serving
