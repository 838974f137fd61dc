"""The reply writers of one process: up to `slots` replies at once on one event loop.

A hint names a session; its drain claims the oldest open record, writes the reply, and only after that end is committed claims
the next. Beside the drains run two loops: renewals keep the leases and the text so far in the store; sweeps find what nobody serves.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from imcore.draft import Draft, Halt
from imcore.errors import IMError
from imcore.events import StopReply, TellAll, WriterRequest
from imcore.message import Message
from imcore.ports import MessageStore, Notifier, ReplyMeter
from imcore.prompt import HISTORY_MESSAGES, MAX_WINDOW_MESSAGES

log = logging.getLogger(__name__)

MERGE_WINDOW_S = 0.3
"""How long a burst may last that one reply is to answer."""

RENEWAL_ROUNDS = 4
"""In the time that a lease may go without renewal."""

HAND_BACK_S = 3.0
"""How long a closing process tries to hand replies back to a store that does not answer."""


@dataclass(frozen=True, slots=True)
class WriterTimes:
    """`lease_s` bounds how long a dead writer's reply stands still. A lease is renewed before it is `renew_s` old, so that is also how far
    the stored text may lag behind; a reply that ends sooner is never renewed."""

    lease_s: float = 10.0
    renew_s: float = 1.5
    sweep_s: float = 1.5
    waiting_s: float = 2.0
    """How long a record may wait before a sweep takes it: longer than a hint travels."""


class ReplyWriters:
    """Serves sessions; see the module. Open it once on the loop that it lives on, close it to drain.

    A drain waits `merge_window_s` before its first claim, then merges what has come in the meantime; None: nothing is merged.
    """

    def __init__(
        self,
        store: MessageStore,
        notifier: Notifier,
        write: Callable[[Draft, Sequence[Message]], Awaitable[bool]],
        meter: ReplyMeter,
        *,
        history_messages: int = HISTORY_MESSAGES,
        slots: int = 1000,
        times: WriterTimes | None = None,
        merge_window_s: float | None = None,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._write = write
        self._meter = meter
        self._history_messages = min(history_messages, MAX_WINDOW_MESSAGES)
        self._times = times or WriterTimes()
        self._merge_window_s = merge_window_s
        self._free = asyncio.Semaphore(slots)
        self._slots = slots
        self._drains: dict[str, asyncio.Task[None]] = {}
        self._hinted: set[str] = set()
        self._origins: dict[str, str] = {}  # of the sessions that are drained
        self._drafts: dict[Draft, float] = {}  # and when its lease began
        self._draft_of: dict[str, Draft] = {}  # by each record that it answers
        self._closing = False
        self._loops: list[asyncio.Task[None]] = []

    @property
    def running(self) -> int:
        """How many replies are being written now."""
        return len(self._drafts)

    def open(self) -> None:
        """Begin to renew, to sweep (at once: what a crash left behind is due now) and to hear requests."""
        self._notifier.listen(on_request=self.hear, on_gap=self._tell_all)
        self._loops = [
            asyncio.create_task(self._every(self._times.renew_s / RENEWAL_ROUNDS, self._renew), name="renew leases"),
            asyncio.create_task(self._every(self._times.sweep_s, self.sweep), name="recover replies"),
        ]

    async def offer(self, session_ids: Collection[str], origin: str = "") -> None:
        """Serve these sessions; waits while all slots are taken, which is the back-pressure on whoever brings hints.

        `origin` names the process where the messages came in, if that is known: it alone is told of the replies' deltas until another asks.
        """
        for session_id in session_ids:
            if session_id not in self._drains:
                await self._free.acquire()
                self._start(session_id)
            else:
                self._hinted.add(session_id)
            if session_id in self._drains:
                self._origins[session_id] = origin

    def hear(self, request: WriterRequest) -> None:
        """Do what a user asks of a reply, if it is written here."""
        if isinstance(request, TellAll):
            self._tell_all()
            return
        draft = self._draft_of.get(request.record_id)
        if draft is None:
            return
        if isinstance(request, StopReply):
            draft.halt(Halt.STOPPED)
            return
        draft.origin = ""
        if draft.text:
            self._notifier.publish(draft.record.user_id, draft.snapshot(request.record_id))

    def _tell_all(self) -> None:
        """Whoever misses what came before sees that from the next delta, and asks."""
        for draft in self._drafts:
            draft.origin = ""

    async def sweep(self) -> int:
        """Serve as many sessions that nobody serves as there are free slots; returns how many were found."""
        free = self._slots - len(self._drains)
        if self._closing or free <= 0:
            return 0
        found = await self._store.due_sessions(waiting_s=self._times.waiting_s, limit=free)
        due = [session_id for session_id in found if session_id not in self._drains]
        if due:
            log.info("recovering replies", extra={"sessions": len(due)})
            self._meter.recovered(len(due))
            await self.offer(due)
        return len(due)

    async def close(self, drain_s: float) -> None:
        """Take no new work, give running replies `drain_s` seconds to end, hand the rest back to wait for another writer.

        Takes at most `HAND_BACK_S` longer, also if the store is away: recovery finds what could not be handed back.
        """
        self._closing = True
        drains = list(self._drains.values())
        if drains:
            log.info("draining", extra={"replies": self.running})
            await asyncio.wait(drains, timeout=drain_s)
        for draft in list(self._drafts):
            draft.halt(Halt.SHUTDOWN)
        if self._drains:
            await asyncio.wait(list(self._drains.values()), timeout=HAND_BACK_S)
        rest = [*self._drains.values(), *self._loops]  # of the drains, those that wait for a store which is away: leases run out
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _start(self, session_id: str) -> None:
        if session_id in self._drains:  # it may have begun while we waited for a slot
            self._hinted.add(session_id)
        if self._closing or session_id in self._drains:
            self._free.release()
            return
        empty = contextvars.Context()  # a drain is not part of the request that happened to start it, as its logs would say
        self._drains[session_id] = asyncio.create_task(self._drain(session_id), name=f"drain {session_id}", context=empty)

    async def _drain(self, session_id: str) -> None:
        try:
            if self._merge_window_s is not None:
                await asyncio.sleep(self._merge_window_s)
            while not self._closing:
                self._hinted.discard(session_id)
                session_waits = await self._write_next(session_id)
                if not session_waits and session_id not in self._hinted:  # asked last: a hint may have come while we wrote
                    break
        except IMError as error:
            log.warning("session left to recovery", extra={"session_id": session_id, "detail": error.detail})
        except Exception:
            log.exception("defect in a drain; the session is left to recovery", extra={"session_id": session_id})
        finally:
            self._hinted.discard(session_id)
            self._origins.pop(session_id, None)
            del self._drains[session_id]
            self._free.release()

    async def _write_next(self, session_id: str) -> bool:
        """Claim and write the session's next reply, if there is one to be had; whether there is more to do in the session."""
        claimed = await self._store.claim(
            session_id,
            lease_s=self._times.lease_s,
            history_messages=self._history_messages,
            merge=self._merge_window_s is not None,
        )
        if claimed is None:
            return False
        draft = Draft(claimed.record, claimed.group, origin=self._origins.get(session_id, ""))
        if self._closing:
            draft.halt(Halt.SHUTDOWN)
        with self._kept(draft):
            return await self._write(draft, claimed.window)

    @contextmanager
    def _kept(self, draft: Draft) -> Iterator[None]:
        """Meanwhile it is renewed, and found by what users ask of it."""
        self._drafts[draft] = time.monotonic()
        self._draft_of |= {record.record_id: draft for record in draft.group}
        try:
            yield
        finally:
            del self._drafts[draft]
            for record in draft.group:
                self._draft_of.pop(record.record_id, None)

    async def _renew(self) -> None:
        """Those whose lease would be too old by the next round."""
        now_s = time.monotonic()
        begun_before_s = now_s - self._times.renew_s * (1 - 1 / RENEWAL_ROUNDS)
        drafts = [draft for draft, begun_s in self._drafts.items() if begun_s <= begun_before_s]
        if not drafts:
            return
        sent = [draft.renewal() for draft in drafts]
        renewal = await self._store.renew(sent, lease_s=self._times.lease_s)
        for draft, running in zip(drafts, sent, strict=True):
            record_id = draft.record.record_id
            if record_id not in renewal.held:
                draft.halt(Halt.LEASE_LOST)
                continue
            draft.renewed(running)
            if draft in self._drafts:  # it may have ended meanwhile
                self._drafts[draft] = now_s
            if record_id in renewal.cancelled:
                draft.halt(Halt.STOPPED)

    async def _every(self, period_s: float, step: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await step()
            except IMError as error:
                log.warning("will be tried again", extra={"step": step.__name__, "detail": error.detail})
            except Exception:
                log.exception("defect; will be tried again", extra={"step": step.__name__})
            await asyncio.sleep(period_s * random.uniform(0.7, 1.0))  # noqa: S311  # jitter, so that many workers do not sweep in step
