"""A timer wheel: one timer of the event loop for all streams, in place of one a token."""

from __future__ import annotations

import asyncio
from collections import defaultdict

TICK_S = 0.01


class TimerWheel:
    """Wakes its sleepers on the next tick of `TICK_S` after their time; it stands still while nobody sleeps."""

    def __init__(self) -> None:
        self._sleepers: defaultdict[int, list[asyncio.Future[None]]] = defaultdict(list)
        self._turned_to = 0
        self._timer: asyncio.TimerHandle | None = None

    async def until(self, at: float) -> None:
        """Sleep until `at`, on the event loop's clock."""
        loop = asyncio.get_running_loop()
        if at <= loop.time():
            return
        slot = int(at / TICK_S) + 1
        sleeper = loop.create_future()
        self._sleepers[slot].append(sleeper)
        if self._timer is None:
            self._turned_to = int(loop.time() / TICK_S)
            self._timer = loop.call_at((self._turned_to + 1) * TICK_S, self._turn)
        await sleeper

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        now = int(loop.time() / TICK_S)
        for slot in range(self._turned_to, now + 1):
            for sleeper in self._sleepers.pop(slot, ()):
                if not sleeper.done():
                    sleeper.set_result(None)
        self._turned_to = now
        self._timer = loop.call_at((now + 1) * TICK_S, self._turn) if self._sleepers else None
