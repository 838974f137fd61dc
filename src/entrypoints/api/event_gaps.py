"""When events may have been missed: at once after the notifier says so, again and again while it is away, and now and then for replies
that fell silent."""

from __future__ import annotations

import asyncio
import logging

from imcore.catch_up import CatchUp
from imcore.errors import IMError, NotifierUnavailableError
from imcore.ports import Notifier

log = logging.getLogger(__name__)

CHECK_S = 2.0


class EventGaps:
    """Give `note` to the notifier as its `on_gap`; `run` does the rest."""

    def __init__(self, catch_up: CatchUp, notifier: Notifier) -> None:
        self._catch_up = catch_up
        self._notifier = notifier
        self._noted = asyncio.Event()

    def note(self) -> None:
        """Events may have been missed, and come again now."""
        self._noted.set()

    async def run(self) -> None:
        """Catch up for ever."""
        self._catch_up.begin()
        while True:
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._noted.wait()
            except TimeoutError:
                await self._try(is_gap=await self._is_cut_off())
            else:
                self._noted.clear()
                await self._try(is_gap=True)

    async def _is_cut_off(self) -> bool:
        """Whether nothing can be heard now: then whoever is connected is told from the store alone."""
        try:
            await self._notifier.ping()
        except NotifierUnavailableError:
            return True
        return False

    async def _try(self, *, is_gap: bool) -> None:
        try:
            if is_gap:
                log.warning("events may have been missed: reading the store for everybody who is connected")
                await self._catch_up.after_gap()
            else:
                await self._catch_up.silent()
        except IMError as error:
            log.warning("catching up will be tried again", extra={"detail": error.detail})
            await self._again(is_gap=is_gap)
        except Exception:
            log.exception("defect while catching up; will be tried again")
            await self._again(is_gap=is_gap)

    async def _again(self, *, is_gap: bool) -> None:
        if is_gap:
            await asyncio.sleep(CHECK_S)
            self._noted.set()
