"""How many replies are still to come, sampled; above the limit sends are refused rather than accepted for much later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from imcore.errors import IMError, QueueFullError
from imcore.ports import MessageStore

log = logging.getLogger(__name__)

SAMPLE_S = 1.0


class QueueDepth:
    """`gauge` is told each sample. Between two samples, and while the store is away, the last one counts."""

    def __init__(self, store: MessageStore, limit: int, gauge: Callable[[int], None]) -> None:
        self._store = store
        self._limit = limit
        self._gauge = gauge
        self._depth = 0

    def check(self) -> None:
        """Raises `QueueFullError` above the limit."""
        if self._depth > self._limit:
            raise QueueFullError(f"{self._depth} replies are still to come, at most {self._limit} are accepted; send again later.")

    async def sample(self) -> None:
        self._depth = await self._store.open_record_count()
        self._gauge(self._depth)

    async def run(self) -> None:
        """Sample for ever."""
        while True:
            try:
                await self.sample()
            except IMError as error:
                log.warning("queue depth not sampled", extra={"detail": error.detail})
            except Exception:
                log.exception("defect while sampling the queue depth")
            await asyncio.sleep(SAMPLE_S)
