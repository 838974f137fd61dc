"""Tokens of many replies on their way from a worker's process to an API process, over Redis."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine, Iterable
from typing import Any

import orjson
from redis.asyncio import Redis

from adapters.pubsub.notifier import RedisNotifier
from imcore.delta_window import DeltaWindow
from imcore.draft import Draft
from imcore.events import ReplyDelta, ReplyEvent
from imcore.ids import new_id
from imcore.ports import LLMChunk
from loadtest.benchmarks.clients.tally import Tally
from loadtest.benchmarks.parts.work.conversation import a_send
from loadtest.benchmarks.parts.work.tasks_load import TasksLoad

TOKEN = "token "  # noqa: S105  (of a text)
TOKEN_S = 0.025
"""From one token of a reply to its next."""
SLOTS = 10
"""The replies are not in step: a tenth of them at a time has a token."""
CHANNEL = "tokens"


class Writers(TasksLoad):
    """`replies` at once, 40 tokens a second each."""

    def __init__(self, tally: Tally, *, replies: int) -> None:
        super().__init__(tally)
        self._chars = [0] * replies

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        yield self._write()

    async def _write(self) -> None:
        slot = 0
        while not self.is_stopped:
            numbers = range(slot, len(self._chars), SLOTS)
            await self.publish([(number, self._chars[number]) for number in numbers])
            for number in numbers:
                self._chars[number] += len(TOKEN)
            slot = (slot + 1) % SLOTS
            await asyncio.sleep(TOKEN_S / SLOTS)

    @abstractmethod
    async def publish(self, places: list[tuple[int, int]]) -> None:
        """The next token of some replies, each given by its number and the offset of the token."""


class NotifierWriters(Writers):
    """Each token a delta, given to imcore's notifier at once."""

    def __init__(self, tally: Tally, *, redis_url: str, replies: int) -> None:
        super().__init__(tally, replies=replies)
        self._notifier = RedisNotifier(redis_url)
        self._ids = [new_id() for _ in range(replies)]

    async def connect(self) -> None:
        await self._notifier.start()

    async def publish(self, places: list[tuple[int, int]]) -> None:
        for number, offset in places:
            self._notifier.publish(f"user{number}", ReplyDelta(self._ids[number], 1, offset, TOKEN))

    async def closed(self) -> None:
        await self._notifier.close()
        if self._notifier.dropped:
            self.tally.fail(f"{self._notifier.dropped} deltas were dropped")


class GatheringWriters(NotifierWriters):
    """As a worker does it: tokens become deltas in its window first."""

    def __init__(self, tally: Tally, *, redis_url: str, replies: int) -> None:
        super().__init__(tally, redis_url=redis_url, replies=replies)
        self._drafts = [Draft(a_send(f"user{number}")[1]) for number in range(replies)]
        self._window = DeltaWindow(self._notifier)

    async def publish(self, places: list[tuple[int, int]]) -> None:
        for number, _ in places:
            self._drafts[number].add(LLMChunk(TOKEN))
            self._window.grew(self._drafts[number])


class NotifierListener(TasksLoad):
    """An API process's side of it. Counts `tokens`."""

    def __init__(self, tally: Tally, *, redis_url: str) -> None:
        super().__init__(tally)
        self._notifier = RedisNotifier(redis_url)
        self._notifier.listen(on_event=self._hear, on_gap=lambda: tally.fail("a gap"))

    async def connect(self) -> None:
        await self._notifier.start()
        await self._notifier.ping()

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        return ()

    async def closed(self) -> None:
        await self._notifier.close()

    def _hear(self, _: str, event: ReplyEvent) -> None:
        assert isinstance(event, ReplyDelta)  # noqa: S101  # nothing else is told here
        for _token in range(len(event.text) // len(TOKEN)):  # several of a reply may have been merged
            self.tally.count("tokens")


class PublishingWriters(Writers):
    """A PUBLISH a token, each awaited by the task of its reply."""

    def __init__(self, tally: Tally, *, redis_url: str, replies: int) -> None:
        super().__init__(tally, replies=replies)
        self._redis = Redis.from_url(redis_url)

    async def connect(self) -> None:
        await self._redis.ping()

    async def publish(self, places: list[tuple[int, int]]) -> None:
        await asyncio.gather(*(self._publish(number, offset) for number, offset in places))

    async def closed(self) -> None:
        await self._redis.aclose()

    async def _publish(self, number: int, offset: int) -> None:
        event = {"type": "token", "user_id": f"user{number}", "reply": number, "offset": offset, "text": TOKEN}
        await self._redis.publish(CHANNEL, orjson.dumps(event))


class PubsubListener(TasksLoad):
    """`pubsub.listen()`. Counts `tokens`."""

    def __init__(self, tally: Tally, *, redis_url: str) -> None:
        super().__init__(tally)
        self._redis = Redis.from_url(redis_url)
        self._pubsub = self._redis.pubsub()

    async def connect(self) -> None:
        await self._pubsub.subscribe(CHANNEL)

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        yield self._listen()

    async def closed(self) -> None:
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]  # it has no types
        await self._redis.aclose()

    async def _listen(self) -> None:
        async for message in self._pubsub.listen():
            if message["type"] == "message" and orjson.loads(message["data"])["text"] == TOKEN:
                self.tally.count("tokens")
            if self.is_stopped:
                return
