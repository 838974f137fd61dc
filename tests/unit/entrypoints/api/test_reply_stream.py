"""A stream of events finds its way to the reply's end, also where nobody tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from entrypoints.api.reply_cursor import ReplyCursor
from entrypoints.api.reply_stream import HEARTBEAT, ReplyStream
from entrypoints.api.services import Services
from imcore.errors import StoreUnavailableError
from tests.fakes.api_container import MemoryContainer


@pytest.fixture
def services() -> Services:
    """Nobody writes replies, and nobody tells of anything."""
    return Services.of(MemoryContainer())


async def stream_of(services: Services) -> tuple[str, AsyncGenerator[bytes]]:
    record_id = (await services.send_message("ann", "hi")).record.record_id
    outbox = services.hub.open_stream("ann", record_id)
    assert outbox is not None
    return record_id, ReplyStream(services, "ann", record_id, outbox, ReplyCursor(), heartbeat_s=0.01).chunks()


async def test_an_end_that_nobody_told_of_is_found_at_a_heartbeat(services: Services) -> None:
    record_id, chunks = await stream_of(services)
    assert await anext(chunks) == HEARTBEAT

    await services.store.cancel("ann", record_id)

    async with asyncio.timeout(10):
        rest = [chunk async for chunk in chunks if chunk != HEARTBEAT]
    assert [chunk.split(b"\n")[0] for chunk in rest] == [b"event: reply.cancelled"]
    assert services.hub.connected() == {}


async def test_a_store_that_is_away_at_a_heartbeat_ends_no_stream(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    record_id, chunks = await stream_of(services)
    assert await anext(chunks) == HEARTBEAT

    async def away(*_: object) -> None:
        raise StoreUnavailableError("The database does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(services.store, "record", away)
        assert [await anext(chunks) for _ in range(2)] == [HEARTBEAT] * 2
    await services.store.cancel("ann", record_id)

    async with asyncio.timeout(10):
        rest = [chunk async for chunk in chunks if chunk != HEARTBEAT]
    assert [chunk.split(b"\n")[0] for chunk in rest] == [b"event: reply.cancelled"]
