"""The response of an event stream lets go of a client that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from entrypoints.api import event_stream
from entrypoints.api.event_stream import EventStreamResponse


async def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "SEND_S", 0.01)
    never, is_closed = asyncio.Event(), False

    async def chunks() -> AsyncGenerator[bytes]:
        nonlocal is_closed
        try:
            while True:
                yield b"data: x\n\n"
        finally:
            is_closed = True

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await never.wait()

    async def receive() -> Message:
        await never.wait()
        return {"type": "http.disconnect"}

    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}
    async with asyncio.timeout(10):
        with pytest.raises(ClientDisconnect):
            await EventStreamResponse(chunks())(scope, receive, send)
    assert is_closed
