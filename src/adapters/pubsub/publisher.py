"""Publisher: one connection and one task that sends what is outgoing, many items in one PUBLISH."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

from redis.asyncio import Redis
from redis.exceptions import RedisError

from adapters.pubsub import wire
from adapters.pubsub.channels import EVENTS, REQUESTS, Batch
from adapters.pubsub.outgoing import Outgoing
from imcore.events import ReplyDelta, ReplyEvent, ReplyStarted, WriterRequest

logger = logging.getLogger(__name__)

_GAPS = tuple(Batch(channel, wire.join([wire.GAP]), 0) for channel in (EVENTS, REQUESTS))


class Publisher:
    """Text and requests leave at once, ends up to `end_s` seconds later, starts up to `start_s`, all in order; what waits leaves together.

    When a PUBLISH fails, its items and all that follow are dropped until Redis answers again. The first thing published then is a gap, so
    that every listener knows that it missed something. `published` and `dropped` count items, merged deltas as one.
    """

    def __init__(self, client: Redis, *, batch_bytes: int, start_s: float = 0.08, end_s: float = 0.01) -> None:
        self.published = 0
        self.dropped = 0
        self._client = client
        self._batch_bytes = batch_bytes
        self._start_s = start_s
        self._end_s = end_s
        self._timer: asyncio.TimerHandle | None = None
        self._outgoing = Outgoing()
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._owes_gap = False
        self._is_down = False
        self._backoff_s: Iterator[float] = repeat(1.0)
        self._closing = False

    def add_event(self, user_id: str, event: ReplyEvent, origin: str = "") -> None:
        if self._is_down or self._closing or not self._outgoing.add_event(user_id, event, origin):
            self._lose(1)
        elif isinstance(event, ReplyDelta):
            self._due.set()
        else:
            self._leave_within(self._start_s if isinstance(event, ReplyStarted) else self._end_s)

    def add_request(self, request: WriterRequest) -> None:
        if self._is_down or self._closing or not self._outgoing.add_request(request):
            self._lose(1)
        else:
            self._due.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="imcore-publisher")

    async def close(self, timeout_s: float) -> None:
        """Send what is outgoing, for `timeout_s` seconds at most."""
        self._closing = True
        self._due.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout_s)
            self._task.cancel()
            await asyncio.wait([self._task])
        self._stop_timer()

    def _leave_within(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if self._timer is not None and self._timer.when() <= at:
            return
        self._stop_timer()
        self._timer = loop.call_at(at, self._due.set)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _lose(self, items: int) -> None:
        self.dropped += items
        self._owes_gap = True

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            self._stop_timer()
            await self._send_all()
            if self._closing:
                return

    async def _send_all(self) -> None:
        """Batches grow while one is on its way. Nothing is sent twice: after an error nobody knows whether it arrived."""
        while self._owes_gap or self._outgoing:
            batches = self._next()
            try:
                await self._publish(batches)
            except Exception as error:  # noqa: BLE001  (this task outlives whatever a connection can raise; it is logged)
                self._lose(sum(batch.items for batch in batches) + self._outgoing.clear())
                await self._fail(error)
                if self._closing:
                    return
            else:
                self.published += sum(batch.items for batch in batches)
                self._recover()

    async def _publish(self, batches: Sequence[Batch]) -> None:
        if len(batches) == 1:
            await self._client.publish(batches[0].channel, batches[0].payload)
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for batch in batches:
                pipeline.publish(batch.channel, batch.payload)
            await pipeline.execute()

    def _next(self) -> Sequence[Batch]:
        if self._owes_gap:
            self._owes_gap = False
            return _GAPS
        return self._outgoing.take(self._batch_bytes)

    async def _fail(self, error: Exception) -> None:
        if not self._is_down:
            self._is_down = True
            self._backoff_s = chain((0.05, 0.1, 0.2, 0.4, 0.8), repeat(1.0))
            unforeseen = not isinstance(error, RedisError | OSError)
            logger.warning("Redis takes no events; they are dropped until it does", extra={"error": str(error)}, exc_info=unforeseen)
        await asyncio.sleep(next(self._backoff_s))

    def _recover(self) -> None:
        if self._is_down:
            self._is_down = False
            logger.info("Redis takes events again", extra={"dropped": self.dropped})
