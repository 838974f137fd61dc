"""CatchUp: what was missed is told from the store, once, to those who are here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from adapters.memory.message_store import MemoryMessageStore
from imcore.catch_up import CatchUp
from imcore.chat_record import ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.clock import utc_now
from imcore.errors import StoreUnavailableError
from imcore.events import ReplyCompleted, ReplyDelta, ReplyEvent, ReplyStarted, ShowReply, TellAll
from imcore.ids import new_id
from imcore.live_replies import SILENT_S, LiveReplies
from imcore.message import Message, MessageType


class Clock:
    """The store's, of which the time can be set."""

    def __init__(self) -> None:
        self.time = utc_now()

    def __call__(self) -> datetime:
        return self.time


class World:
    """A store, one process's ears, and who is connected to it. `told` is what `hear` let through."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self.now = 0.0
        self.clock = clock
        self.store = MemoryMessageStore(clock)
        self.asked: list[str] = []
        self.told: list[tuple[str, ReplyEvent]] = []
        self.connected: dict[str, datetime] = {"ann": utc_now() - timedelta(seconds=1)}
        self.live = LiveReplies(self._ask, lambda: self.now)
        self.catch_up = CatchUp(self.store, self.live, self.deliver, lambda: self.connected)

    def _ask(self, request: ShowReply | TellAll) -> None:
        if isinstance(request, ShowReply):
            self.asked.append(request.record_id)

    def deliver(self, user_id: str, event: ReplyEvent) -> None:
        news = self.live.hear(user_id, event)
        if news is not None:
            self.told.append((user_id, news))

    async def running_reply(self, user_id: str = "ann", *, heard: bool = True) -> Lease:
        now = utc_now()
        message = Message(new_id(), f"{user_id}:{new_id()[-12:]}", user_id, MessageType.TEXT, "hi", now, now)
        await self.store.add(message, ChatRecord(new_id(), message.session_id, user_id, message.message_id, now, now))
        claimed = await self.store.claim(message.session_id, lease_s=60)
        assert claimed is not None
        record = claimed.record
        if heard:
            self.live.hear(user_id, ReplyStarted(record.record_id, record.attempt, record.session_id, record.user_message_id, "a"))
        return Lease(record.record_id, record.session_id, record.attempt)

    async def end(self, lease: Lease) -> None:
        await self.store.finish(ReplyOutcome(lease, ReplyStatus.SUCCESS, "Hello", self.clock()))


async def test_an_end_that_was_missed_is_told_once() -> None:
    world = World()
    lease = await world.running_reply()
    await world.end(lease)

    await world.catch_up.after_gap()
    await world.catch_up.after_gap()

    assert [(user_id, type(event), event.record_id) for user_id, event in world.told] == [("ann", ReplyCompleted, lease.record_id)]
    assert world.live.running() == []


async def test_an_end_whose_beginning_was_missed_too_is_told() -> None:
    world = World()
    leases = [await world.running_reply(heard=False) for _ in range(120)]
    for lease in leases:
        await world.end(lease)

    await world.catch_up.after_gap()

    assert {event.record_id for _, event in world.told} == {lease.record_id for lease in leases}


async def test_an_old_reply_that_was_retried_and_ended_is_told_however_many_younger_ones_there_are() -> None:
    clock = Clock()
    world = World(clock)
    old = await world.running_reply(heard=False)
    await world.store.finish(ReplyOutcome(old, ReplyStatus.FAILED, "", clock.time))
    for _ in range(250):
        await world.end(await world.running_reply(heard=False))
    clock.time += timedelta(hours=1)
    world.connected = {"ann": clock.time}

    await world.store.retry("ann", old.record_id)
    claimed = await world.store.claim(old.session_id, lease_s=60)
    assert claimed is not None
    anew = claimed.record
    await world.end(Lease(anew.record_id, anew.session_id, anew.attempt))
    await world.catch_up.after_gap()

    assert [(event.record_id, event.attempt) for _, event in world.told] == [(old.record_id, anew.attempt)]


async def test_what_ended_before_the_user_came_is_not_told() -> None:
    world = World()
    world.connected = {"ann": utc_now() + timedelta(minutes=5)}
    await world.end(await world.running_reply(heard=False))

    await world.catch_up.after_gap()

    assert world.told == []


@pytest.mark.parametrize("heard", [True, False])
async def test_the_writer_of_a_reply_that_still_runs_is_asked_to_show_it(heard: bool) -> None:
    world = World()
    lease = await world.running_reply(heard=heard)

    await world.catch_up.after_gap()

    assert world.asked == [lease.record_id]
    assert world.told == []


async def test_a_silent_reply_is_looked_up_and_a_lively_one_left_alone() -> None:
    world = World()
    silent, lively = await world.running_reply(), await world.running_reply()
    await world.end(silent)
    await world.end(lively)
    world.now = SILENT_S
    world.live.hear("ann", ReplyDelta(lively.record_id, 1, 0, "Hello"))

    await world.catch_up.silent()

    assert [event.record_id for _, event in world.told] == [silent.record_id]


async def test_a_silent_reply_of_somebody_who_is_not_here_is_forgotten_unread() -> None:
    world = World()
    await world.running_reply("bob")
    world.now = SILENT_S

    await world.catch_up.silent()

    assert world.live.running() == []
    assert world.asked == []


async def test_a_store_that_is_away_is_told_to_the_caller_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("away")

    world = World()
    lease = await world.running_reply()
    await world.end(lease)
    with monkeypatch.context() as patched:
        patched.setattr(world.store, "record", away)
        with pytest.raises(StoreUnavailableError):
            await world.catch_up.after_gap()

    await world.catch_up.after_gap()

    assert [event.record_id for _, event in world.told] == [lease.record_id]
