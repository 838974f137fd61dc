"""Use case: events were missed; whoever is connected is told what they missed, from the store.

What is found goes the way of every other event, so that nothing is told twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta

from imcore.chat_record import ChatRecord
from imcore.events import ReplyEvent
from imcore.live_replies import LiveReplies
from imcore.ports import MessageStore
from imcore.resume_session import ended_event
from imcore.value import value

MAX_RECORDS = 200
CLOCK_SKEW = timedelta(seconds=60)


@value
class CatchUp:
    """`connected` gives the users who are connected here, and since when; `deliver` tells a user's connections and `live` of an event."""

    store: MessageStore
    live: LiveReplies
    deliver: Callable[[str, ReplyEvent], None]
    connected: Callable[[], Mapping[str, datetime]]
    reads_at_once: int = 8

    def begin(self) -> None:
        """Events are heard from now on; of the replies that run already this process knows nothing."""
        self.live.ask_anew()

    async def after_gap(self) -> None:
        """Tell all connected users of the ends that they missed; raises `StoreUnavailableError` if that has to be tried again."""
        self.live.ask_anew()
        connected = self.connected()
        await self._all(self._check(user_id, record_id) for user_id, record_id in self.live.running() if user_id in connected)
        await self._all(self._check_changed(user_id, since) for user_id, since in connected.items())

    async def silent(self) -> None:
        """Look after the replies that were begun and then not heard of for a while: they have ended, or their writer has died."""
        connected = self.connected()
        silent = self.live.silent()
        for user_id, record_id in silent:
            if user_id not in connected:
                self.live.forget(record_id)  # should it go on, its text will be asked for
        await self._all(self._check(user_id, record_id) for user_id, record_id in silent if user_id in connected)

    async def _check(self, user_id: str, record_id: str) -> None:
        event = await ended_event(self.store, user_id, record_id)
        if event is None:
            self.live.ask(record_id)
        else:
            self.deliver(user_id, event)

    async def _check_changed(self, user_id: str, since: datetime) -> None:
        """All that ended since the user came; before that, `resume` told."""
        for record in await self.store.changed_since(user_id, since - CLOCK_SKEW, limit=MAX_RECORDS):
            await self._tell(record)

    async def _tell(self, record: ChatRecord) -> None:
        if record.is_open:
            if record.attempt > 0:
                self.live.ask(record.record_id)
        elif not self.live.has_ended(record.record_id, record.attempt):
            await self._check(record.user_id, record.record_id)

    async def _all(self, steps: Iterator[Awaitable[None]]) -> None:
        """`reads_at_once` of them at a time; the others go on when one fails, then its error is raised."""

        async def work() -> None:
            for step in steps:
                await step

        for result in await asyncio.gather(*(work() for _ in range(self.reads_at_once)), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
