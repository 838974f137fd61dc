"""Hints that sessions wait for replies, on their way into the broker's list. Nobody takes them out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from celery import Celery  # type: ignore[import-untyped]  # it ships no types

from adapters.pubsub.connection import redis_client
from adapters.task_queue.celery_app import celery_app
from adapters.task_queue.hint_broker import HintBroker
from adapters.task_queue.reply_queue import CeleryReplyQueue
from loadtest.benchmarks.clients.tally import Tally, now
from loadtest.benchmarks.parts.work.tasks_load import TasksLoad

PERIOD_S = 0.02
"""All callers send in it once: 5,000 a second are 100."""


class EnqueuedHints(TasksLoad):
    """`ReplyQueue.enqueue` by all `callers` within the same moment, again and again. Counts what the broker took."""

    def __init__(self, tally: Tally, *, redis_url: str, callers: int) -> None:
        super().__init__(tally)
        client = redis_client(redis_url, name="hints", repeats=True)
        self._queue = CeleryReplyQueue(HintBroker(celery_app(redis_url), client))
        self._sessions = [f"user{number}" for number in range(callers)]

    async def connect(self) -> None:
        await self._queue.ping()

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        yield self._enqueue_all()

    async def closed(self) -> None:
        await self._queue.close()
        if self._queue.dropped:
            self.tally.fail(f"{self._queue.dropped} hints were dropped")

    async def _enqueue_all(self) -> None:
        while not self.is_stopped:
            before = self._queue.published
            for session_id in self._sessions:
                begun = now()
                self._queue.enqueue([session_id])
                self.tally.time("enqueue", now() - begun)
            await asyncio.sleep(PERIOD_S)
            for _ in range(self._queue.published - before):
                self.tally.count("hints")


class DelayedTasks(TasksLoad):
    """`task.delay()` on the event loop, a task a message, as a service does that hands its work to Celery."""

    def __init__(self, tally: Tally, *, redis_url: str, callers: int) -> None:
        super().__init__(tally)
        self._task = Celery("reference", broker=redis_url).task(name="write_reply")(_write_reply)
        self._sessions = [f"user{number}" for number in range(callers)]

    async def connect(self) -> None:
        self._task.delay(self._sessions[0])

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        return (self._delay(session_id) for session_id in self._sessions)

    async def closed(self) -> None:
        self._task.app.close()

    async def _delay(self, session_id: str) -> None:
        while not self.is_stopped:
            begun = now()
            self._task.delay(session_id)
            self.tally.time("enqueue", now() - begun)
            self.tally.count("hints")
            await asyncio.sleep(0)


def _write_reply(session_id: str) -> None:
    """Never run here."""
