"""A load that is some endless tasks."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine, Iterable
from typing import Any

from loadtest.benchmarks.clients.load import Load
from loadtest.benchmarks.clients.tally import Tally


class TasksLoad(Load):
    """The tasks end by themselves once `is_stopped`."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally)
        self._running: list[asyncio.Task[None]] = []

    @abstractmethod
    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        """What is to run at the same time."""

    def start(self) -> None:
        self._running = [asyncio.create_task(caller) for caller in self.callers()]

    async def drained(self) -> None:
        """All calls are answered, and what they used is closed."""
        for ended in await asyncio.gather(*self._running, return_exceptions=True):
            if isinstance(ended, BaseException):
                self.tally.fail(repr(ended))
        await self.closed()

    @abstractmethod
    async def closed(self) -> None:
        """Give back connections."""

    def close(self) -> None:
        for task in self._running:
            task.cancel()
