"""Outbox: bounded, never waits, and always true about the replies it tells of."""

from __future__ import annotations

import asyncio

import pytest

from adapters.websocket import frames
from adapters.websocket.close_codes import GOING_AWAY, TOO_SLOW, CloseCode
from adapters.websocket.frames import Frame
from adapters.websocket.outbox import Outbox, OutboxLimits
from imcore.chat_record import ReplyError
from imcore.events import ReplyDelta, ReplyFailed, ReplyStarted

LIMITS = OutboxLimits(soft_bytes=1_000, hard_bytes=3_000)


def delta(text: str, *, offset: int = 0, record_id: str = "r-1") -> Frame:
    return frames.reply_event(ReplyDelta(record_id, 1, offset, text))


def end(record_id: str = "r-1") -> Frame:
    return frames.reply_event(ReplyFailed(record_id, 1, ReplyError("llm_error", "no")))


class Snapshots:
    """What is known of each record's text; counts how often it was asked."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts
        self.asked: list[str] = []

    def __call__(self, record_id: str) -> Frame | None:
        self.asked.append(record_id)
        text = self.texts.get(record_id.replace("-", ""))
        return None if text is None else delta(text, record_id=record_id)


async def taken(outbox: Outbox) -> list[Frame]:
    """All that can be taken without waiting."""
    return list(iter(outbox.take_nowait, None))


async def test_frames_come_out_in_the_order_they_went_in() -> None:
    outbox, offered = Outbox(Snapshots(), LIMITS), [delta("a"), frames.pong(1), delta("b", offset=1), end()]
    for frame in offered:
        assert outbox.offer(frame)

    assert await taken(outbox) == offered


async def test_whoever_takes_waits_for_the_next_frame_and_loses_none_when_cancelled() -> None:
    outbox = Outbox(Snapshots(), LIMITS)
    waiting = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])

    outbox.offer(frames.pong(1))

    assert await outbox.take() == frames.pong(1)


async def test_whoever_is_told_hears_of_every_frame_and_of_none_that_is_dropped() -> None:
    outbox, told = Outbox(Snapshots(r1="all"), LIMITS), list[int]()
    outbox.on_filled = lambda: told.append(outbox.queued_bytes)
    outbox.offer(frames.pong(1))
    assert told == [frames.pong(1).size]
    while outbox.offer(delta("x" * 50)) and outbox.queued_bytes > frames.pong(1).size:
        pass
    before = len(told)

    outbox.offer(delta("y" * 50))

    assert len(told) == before
    assert await taken(outbox) == [frames.pong(1), delta("all")]


async def test_deltas_of_a_slow_client_collapse_into_one_snapshot_a_record() -> None:
    snapshots = Snapshots(r1="all of one", r2="all of two")
    outbox = Outbox(snapshots, LIMITS)
    for number in range(200):
        assert outbox.offer(delta("x" * 50, offset=50 * number))
        assert outbox.offer(delta("y" * 50, offset=50 * number, record_id="r-2"))
    assert outbox.queued_bytes <= LIMITS.soft_bytes

    found = await taken(outbox)

    assert {frame.delta.record_id: frame.delta.text for frame in found if frame.delta} == {"r-1": "all of one", "r-2": "all of two"}
    assert len(found) == 2
    assert all(frame.delta and frame.delta.offset == 0 for frame in found)


async def test_what_is_no_delta_is_never_dropped_and_keeps_its_place() -> None:
    outbox = Outbox(Snapshots(r1="all"), LIMITS)
    started = frames.reply_event(ReplyStarted("r-1", 1, "ann", "m-1", "m-2"))
    outbox.offer(frames.pong(1))
    outbox.offer(started)
    for number in range(50):
        outbox.offer(delta("x" * 50, offset=50 * number))
    outbox.offer(frames.pong(2))

    found = await taken(outbox)

    assert found[:3] == [frames.pong(1), started, frames.pong(2)]
    assert [frame.text for frame in found[3:]] == [delta("all").text]


async def test_the_end_of_a_reply_makes_its_snapshot_needless() -> None:
    snapshots = Snapshots(r1="all")
    outbox = Outbox(snapshots, LIMITS)
    for number in range(50):
        outbox.offer(delta("x" * 50, offset=50 * number))
    outbox.offer(end())

    assert await taken(outbox) == [end()]
    assert snapshots.asked == []


async def test_an_end_that_is_queued_already_makes_it_needless_too() -> None:
    outbox = Outbox(Snapshots(), LIMITS)
    outbox.offer(delta("x" * 500))
    outbox.offer(end())
    outbox.offer(frames.pong("p" * 60))
    outbox.offer(delta("y" * 600, record_id="r-2"))

    assert [frame.end is not None or frame.event is None for frame in await taken(outbox)] == [True, True]


async def test_deltas_after_the_snapshot_are_sent_again() -> None:
    outbox = Outbox(Snapshots(r1="all"), LIMITS)
    for number in range(50):
        outbox.offer(delta("x" * 50, offset=50 * number))
    await taken(outbox)

    outbox.offer(delta("more", offset=3))

    assert await taken(outbox) == [delta("more", offset=3)]


async def test_a_client_that_is_hopelessly_behind_is_given_up() -> None:
    outbox, codes = Outbox(Snapshots(), LIMITS), list[CloseCode | None]()
    outbox.on_close = codes.append
    offers = [outbox.offer(frames.pong("p" * 60)) for _ in range(60)]

    assert offers[0] is True
    assert offers[-1] is False
    assert codes == [TOO_SLOW]
    assert await outbox.take() is None


async def test_one_frame_may_be_longer_than_all_limits() -> None:
    outbox = Outbox(Snapshots(), LIMITS)
    long = frames.error({"detail": "x" * 10_000})

    assert outbox.offer(long)
    assert await outbox.take() == long


async def test_what_is_queued_is_sent_before_a_kind_close() -> None:
    outbox = Outbox(Snapshots(), LIMITS)
    outbox.offer(frames.pong(1))
    outbox.close(GOING_AWAY)

    assert outbox.offer(frames.pong(2)) is False
    assert [await outbox.take(), await outbox.take()] == [frames.pong(1), None]


async def test_whoever_waits_for_calm_goes_on_when_enough_is_taken_or_it_is_closed() -> None:
    outbox = Outbox(Snapshots(), LIMITS)
    await outbox.calmed()
    while outbox.queued_bytes <= LIMITS.soft_bytes:
        outbox.offer(frames.pong("p" * 60))
    waiting = asyncio.create_task(outbox.calmed())
    await asyncio.sleep(0)
    assert not waiting.done()

    await outbox.take()
    await waiting


async def test_collapsed_deltas_keep_nobody_waiting() -> None:
    outbox = Outbox(Snapshots(r1="all"), LIMITS)
    for number in range(50):
        outbox.offer(delta("x" * 50, offset=50 * number))

    async with asyncio.timeout(1):
        await outbox.calmed()


@pytest.mark.parametrize("code", [None, TOO_SLOW, GOING_AWAY])
async def test_it_is_closed_once(code: CloseCode | None) -> None:
    outbox, codes = Outbox(Snapshots(), LIMITS), list[CloseCode | None]()
    outbox.on_close = codes.append

    outbox.close(code)
    outbox.close(TOO_SLOW)

    assert codes == [code]
    assert outbox.close_code is code
    assert await outbox.take() is None


async def test_an_outbox_for_one_reply_hears_of_no_other() -> None:
    outbox = Outbox(Snapshots(), LIMITS, record_id="r-1")
    assert outbox.offer(delta("a", record_id="r-2"))
    assert outbox.offer(delta("b"))

    assert await taken(outbox) == [delta("b")]
