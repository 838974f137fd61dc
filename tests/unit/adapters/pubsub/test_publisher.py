"""When what is to be told leaves: what waits for company leaves with it, and in its order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis

from adapters.pubsub import wire
from adapters.pubsub.publisher import Publisher
from imcore.chat_record import ReplyError
from imcore.events import ReplyDelta, ReplyEvent, ReplyFailed, ReplyStarted
from tests.polling import eventually

NEVER_S = 3600.0
STARTED = ReplyStarted("r-1", 1, "ada", "m-1", "m-2")
DELTA = ReplyDelta("r-1", 1, 0, "Hello")
FAILED = ReplyFailed("r-2", 1, ReplyError("llm_timeout", "no token"))


class Channel:
    """In place of Redis: keeps what each PUBLISH holds."""

    def __init__(self) -> None:
        self.messages: list[list[ReplyEvent]] = []

    async def publish(self, _channel: str, payload: bytes) -> None:
        self.messages.append([wire.decode_event(item)[1] for item in wire.split(payload)])


@asynccontextmanager
async def published(*events: ReplyEvent, start_s: float, end_s: float) -> AsyncIterator[Channel]:
    channel = Channel()
    publisher = Publisher(cast("Redis", cast("Any", channel)), batch_bytes=100_000, start_s=start_s, end_s=end_s)
    publisher.start()
    for event in events:
        publisher.add_event("ada", event)
    await eventually(lambda: channel.messages)
    yield channel
    await publisher.close(timeout_s=1)


async def test_a_start_leaves_with_the_first_text() -> None:
    async with published(STARTED, DELTA, start_s=NEVER_S, end_s=NEVER_S) as channel:
        assert channel.messages == [[STARTED, DELTA]]


async def test_a_start_leaves_with_an_end_that_may_not_wait_as_long() -> None:
    async with published(STARTED, FAILED, start_s=NEVER_S, end_s=0) as channel:
        assert channel.messages == [[STARTED, FAILED]]


async def test_an_end_does_not_wait_longer_because_a_start_came_later() -> None:
    async with published(FAILED, STARTED, start_s=NEVER_S, end_s=0) as channel:
        assert channel.messages == [[FAILED, STARTED]]


async def test_a_start_that_nothing_follows_leaves_by_itself() -> None:
    async with published(STARTED, start_s=0, end_s=NEVER_S) as channel:
        assert channel.messages == [[STARTED]]
