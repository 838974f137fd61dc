"""Each `ReplyQueue` with a stand-in for the writers at its other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.memory.reply_queue import MemoryReplyQueue
from adapters.pubsub.connection import redis_client
from adapters.task_queue.celery_app import celery_app
from adapters.task_queue.consumer import CeleryHintConsumer
from adapters.task_queue.hint_broker import HintBroker
from adapters.task_queue.reply_queue import CeleryReplyQueue
from imcore.ports import ReplyQueue


@dataclass
class Writers:
    """Notes what it is offered, and waits while it is `busy`. It fails on the session `defect`."""

    offers: list[list[str]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.free.set()

    async def offer(self, session_ids: Collection[str], origin: str = "") -> None:
        self.offers.append(list(session_ids))
        self.origins.append(origin)
        if "defect" in session_ids:
            raise RuntimeError("a defect in the writers")
        await self.free.wait()

    @property
    def sessions(self) -> list[str]:
        return [session_id for offer in self.offers for session_id in offer]


@dataclass
class QueueRig:
    """`listen` begins to take hints; until then they wait."""

    queue: ReplyQueue
    writers: Writers
    listen: Callable[[], Awaitable[None]]


@asynccontextmanager
async def memory_rig() -> AsyncIterator[QueueRig]:
    queue, writers = MemoryReplyQueue(), Writers()

    async def listen() -> None:
        queue.listen(writers.offer)

    try:
        yield QueueRig(queue, writers, listen)
    finally:
        await queue.close()


@asynccontextmanager
async def celery_rig(
    redis_url: str, *, open_s: float = 0.2, stall_s: float = 30.0, origin: Callable[[], str] = str
) -> AsyncIterator[QueueRig]:
    with celery_app(redis_url) as app:
        client = redis_client(redis_url, name="hints", repeats=True)
        queue, writers = CeleryReplyQueue(HintBroker(app, client), open_s=open_s, origin=origin), Writers()
        consumer = CeleryHintConsumer(app, queue, writers.offer, stall_s=stall_s)
        try:
            yield QueueRig(queue, writers, consumer.start)
        finally:
            await consumer.stop()
            await queue.close()
