"""The database operations of which each message costs some, and the pages of a very long and a very short session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from adapters.sql.windows import Window
from imcore.session import Session
from loadtest.growth.crowd import BATCH, WINDOW, Crowd
from loadtest.growth.history import LONG_SESSION, LONG_SESSION_MESSAGES, SHORT_SESSION, SHORT_SESSION_MESSAGES

PAGE = 50
DUE = 50

_SHORT_PAGE = SHORT_SESSION_MESSAGES
_SHORT_WINDOW = SHORT_SESSION_MESSAGES // 2
_SHORT_SEQ = SHORT_SESSION_MESSAGES
_LONG_SEQ = LONG_SESSION_MESSAGES // 2


class Meter(Protocol):
    """Watches what happens while it is entered."""

    def watch(self, units: int) -> AbstractContextManager[None]:
        """`units`: how many operations these are."""


Operation = Callable[[Crowd, Meter], Awaitable[None]]
"""Prepares, then does a batch or more of its kind while the meter watches. The crowd undoes it later."""


async def _send(crowd: Crowd, meter: Meter) -> None:
    for _ in range(2):
        batch = crowd.batch()
        with meter.watch(len(batch)):
            await crowd.send(batch)


def _claiming(history_messages: int) -> Operation:
    async def operation(crowd: Crowd, meter: Meter) -> None:
        batches = [crowd.batch() for _ in range(2)]
        for batch in batches:
            await crowd.send(batch)
        for batch in batches:
            with meter.watch(len(batch)):
                await crowd.claim(batch, history_messages=history_messages)

    return operation


async def _claim_merging(crowd: Crowd, meter: Meter) -> None:
    batch = crowd.batch()
    for _ in range(2):
        await crowd.send(batch)
    with meter.watch(len(batch)):
        await crowd.claim(batch, merge=True)


async def _finish(crowd: Crowd, meter: Meter) -> None:
    for _ in range(2):
        batch = crowd.batch()
        await crowd.send(batch)
        claimed = await crowd.claim(batch)
        with meter.watch(len(claimed)):
            await crowd.finish(claimed)


async def _prompt(crowd: Crowd, meter: Meter) -> None:
    """Also a part of each claim."""
    for _ in range(2):
        sent = await crowd.send(crowd.batch())
        with meter.watch(len(sent)):
            await crowd.read_windows([Window(record.session_id, record.user_seq, WINDOW) for record in sent])


async def _sweep(crowd: Crowd, meter: Meter) -> None:
    """With a batch that waits, beside the open records that the history ends with."""
    await crowd.send(crowd.batch())
    for _ in range(10):
        with meter.watch(1):
            await crowd.store.due_sessions(waiting_s=0, limit=DUE)
            await crowd.store.open_record_count()


def _listing(read: Callable[[Crowd, Session], Coroutine[Any, Any, object]]) -> Operation:
    async def operation(crowd: Crowd, meter: Meter) -> None:
        for _ in range(2):
            batch = crowd.batch()
            with meter.watch(len(batch)):
                await asyncio.gather(*(read(crowd, session) for session in batch))

    return operation


def _same(read: Callable[[Crowd], Coroutine[Any, Any, object]]) -> Operation:
    """A batch of one and the same read."""
    return _same_batch(lambda crowd: asyncio.gather(*(read(crowd) for _ in range(BATCH))))


def _same_batch(read: Callable[[Crowd], Awaitable[object]]) -> Operation:
    async def operation(crowd: Crowd, meter: Meter) -> None:
        for _ in range(2):
            with meter.watch(BATCH):
                await read(crowd)

    return operation


def _same_prompt(session_id: str, user_seq: int) -> Operation:
    return _same_batch(lambda crowd: crowd.read_windows([Window(session_id, user_seq, _SHORT_WINDOW)] * BATCH))


OPERATIONS: Mapping[str, Operation] = {
    "send": _send,
    "list: newest page": _listing(lambda crowd, one: crowd.store.messages(one.user_id, one.session_id, limit=PAGE)),
    "list: page after": _listing(lambda crowd, one: crowd.store.messages(one.user_id, one.session_id, after_seq=1, limit=PAGE)),
    "list: page before": _listing(
        lambda crowd, one: crowd.store.messages(one.user_id, one.session_id, before_seq=one.last_seq, limit=PAGE)
    ),
    "list: sessions": _listing(lambda crowd, one: crowd.store.sessions(one.user_id, limit=PAGE)),
    "list: records": _listing(lambda crowd, one: crowd.store.records(one.user_id, limit=WINDOW)),
    "claim": _claiming(WINDOW),
    "claim, no history": _claiming(1),
    "claim, merging": _claim_merging,
    "prompt": _prompt,
    "finish": _finish,
    "sweep": _sweep,
}
"""By name, in the order of a report."""

EXTREMES: Mapping[str, Operation] = {
    "short: newest page": _same(lambda crowd: crowd.store.messages(SHORT_SESSION, SHORT_SESSION, limit=_SHORT_PAGE)),
    "long: newest page": _same(lambda crowd: crowd.store.messages(LONG_SESSION, LONG_SESSION, limit=_SHORT_PAGE)),
    "short: page after": _same(lambda crowd: crowd.store.messages(SHORT_SESSION, SHORT_SESSION, after_seq=0, limit=_SHORT_PAGE)),
    "long: page after": _same(lambda crowd: crowd.store.messages(LONG_SESSION, LONG_SESSION, after_seq=0, limit=_SHORT_PAGE)),
    "short: prompt": _same_prompt(SHORT_SESSION, _SHORT_SEQ),
    "long: prompt": _same_prompt(LONG_SESSION, _LONG_SEQ),
}
"""The same number of messages each, of two sessions whose lengths differ by four orders of magnitude."""
