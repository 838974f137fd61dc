"""MemoryReplyQueue: hints inside one process, for the embedded mode and for tests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from imcore.ports import ReplyQueue

logger = logging.getLogger(__name__)

Offer = Callable[[Collection[str]], Awaitable[None]]
"""Takes the ids of sessions that have open records, and waits while all writers are busy."""


class MemoryReplyQueue(ReplyQueue):
    """Gathers session ids and hands them to one listener, on the same event loop, all that gathered while it was busy in one call.

    At most `max_pending` sessions wait. `published` and `dropped` count session ids.
    """

    def __init__(self, *, max_pending: int = 100_000) -> None:
        self.published = 0
        self.dropped = 0
        self._max_pending = max_pending
        self._pending: dict[str, None] = {}
        self._offer: Offer | None = None
        self._handing_over: asyncio.Task[None] | None = None
        self._closed = False

    def listen(self, offer: Offer) -> None:
        """Hand hints to `offer` from now on, and those that wait already. To be called on the event loop."""
        self._offer = offer
        self._begin()

    def enqueue(self, session_ids: Collection[str]) -> None:
        for session_id in session_ids:
            if not self._closed and (len(self._pending) < self._max_pending or session_id in self._pending):
                self._pending[session_id] = None
            else:
                self.dropped += 1
        self._begin()

    async def length(self) -> int | None:
        return len(self._pending)

    async def ping(self) -> None:
        """There is no broker to be away."""

    async def close(self) -> None:
        """Hand over nothing more; what waits is forgotten."""
        self._closed = True
        if self._handing_over is not None:
            self._handing_over.cancel()
            await asyncio.wait([self._handing_over])

    def _begin(self) -> None:
        if self._offer is not None and self._pending and self._handing_over is None and not self._closed:
            self._handing_over = asyncio.create_task(self._hand_over(self._offer), name="imcore-hints")

    async def _hand_over(self, offer: Offer) -> None:
        try:
            while self._pending:
                session_ids, self._pending = list(self._pending), {}
                await self._offer_safely(offer, session_ids)
        finally:
            self._handing_over = None

    async def _offer_safely(self, offer: Offer, session_ids: list[str]) -> None:
        self.published += len(session_ids)
        try:
            await offer(session_ids)
        except Exception:
            logger.exception("A hint could not be handed to the writers", extra={"sessions": len(session_ids)})
