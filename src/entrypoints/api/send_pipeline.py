"""The sends of one socket that are on their way to the store: several at once, those of one session one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

MAX_IN_FLIGHT = 32


class SendPipeline:
    """Keeps the order of arrival in each session, whatever the store does with concurrent calls."""

    __slots__ = ("_free", "_last", "_running")

    def __init__(self, max_in_flight: int = MAX_IN_FLIGHT) -> None:
        self._free = asyncio.Semaphore(max_in_flight)
        self._last: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, session_id: str, send: Callable[[], Awaitable[None]]) -> None:
        """Start `send` after those of its session; waits while too many are in flight, which keeps the socket from being read."""
        await self._free.acquire()
        task = asyncio.create_task(self._run(self._last.get(session_id), send))
        self._last[session_id] = task
        self._running.add(task)
        task.add_done_callback(lambda done: self._done(session_id, done))

    async def drained(self) -> None:
        """Wait until nothing is in flight."""
        if self._running:
            await asyncio.wait(self._running)

    async def _run(self, previous: asyncio.Task[None] | None, send: Callable[[], Awaitable[None]]) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        await send()

    def _done(self, session_id: str, task: asyncio.Task[None]) -> None:
        self._free.release()
        self._running.discard(task)
        if self._last.get(session_id) is task:
            del self._last[session_id]
