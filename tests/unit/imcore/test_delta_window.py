"""What replies have to tell: the first piece at once, later ones gathered, nothing lost and nothing twice."""

from __future__ import annotations

import asyncio

import pytest

from adapters.memory.notifier import MemoryNotifier
from imcore.chat_record import ChatRecord
from imcore.clock import utc_now
from imcore.delta_window import DeltaWindow, until_tick
from imcore.draft import Draft
from imcore.events import ReplyDelta, ReplyEvent
from imcore.ports import LLMChunk
from tests.polling import eventually

LONG_S = 3600.0


class Told:
    """A window, and what it has published."""

    def __init__(self, window_s: float) -> None:
        self.deltas: list[tuple[str, int, str]] = []
        notifier = MemoryNotifier()
        notifier.listen(on_event=self._hear)
        self.window = DeltaWindow(notifier, window_s=window_s)

    def grow(self, draft: Draft, text: str) -> None:
        assert draft.add(LLMChunk(text))
        self.window.grew(draft)

    def _hear(self, user_id: str, event: ReplyEvent) -> None:
        assert isinstance(event, ReplyDelta)
        assert user_id == "ada"
        self.deltas.append((event.record_id, event.offset, event.text))


def a_draft(record_id: str) -> Draft:
    now = utc_now()
    return Draft(ChatRecord(record_id, "ada", "ada", f"m-{record_id}", now, now, attempt=1))


async def test_the_first_piece_leaves_at_once_and_later_ones_wait_for_each_other() -> None:
    told, draft = Told(LONG_S), a_draft("r-1")
    told.grow(draft, "one ")
    assert told.deltas == [("r-1", 0, "one ")]
    told.grow(draft, "two ")
    told.grow(draft, "three")
    assert len(told.deltas) == 1
    told.window.flush(draft)
    assert told.deltas[1:] == [("r-1", 4, "two three")]


async def test_a_flush_tells_nothing_twice() -> None:
    told, draft = Told(LONG_S), a_draft("r-1")
    told.grow(draft, "one ")
    told.window.flush(draft)
    told.grow(draft, "two")
    told.window.flush(draft)
    told.window.flush(draft)
    assert told.deltas == [("r-1", 0, "one "), ("r-1", 4, "two")]


async def test_what_waits_of_all_replies_leaves_together_when_the_window_is_over() -> None:
    told, drafts = Told(0.001), [a_draft("r-1"), a_draft("r-2")]
    for draft in drafts:
        told.grow(draft, "one ")
        told.grow(draft, "two")
    await eventually(lambda: len(told.deltas) == 4)
    assert sorted(told.deltas[2:]) == [("r-1", 4, "two"), ("r-2", 4, "two")]
    told.grow(drafts[0], " three")
    await eventually(lambda: len(told.deltas) == 5)
    assert told.deltas[4:] == [("r-1", 7, " three")]


async def test_a_forgotten_reply_tells_nothing_more() -> None:
    told, draft = Told(0.001), a_draft("r-1")
    told.grow(draft, "one ")
    told.grow(draft, "two")
    told.window.forget(draft)
    other = a_draft("r-2")
    told.grow(other, "a")
    told.grow(other, "b")
    await eventually(lambda: ("r-2", 1, "b") in told.deltas)
    assert [delta for delta in told.deltas if delta[0] == "r-1"] == [("r-1", 0, "one ")]


@pytest.mark.parametrize("texts", [["a", "b", "c"], ["\ud83d\ude00", "é", "x"]])
async def test_without_a_window_each_piece_leaves_at_once(texts: list[str]) -> None:
    told, draft = Told(0), a_draft("r-1")
    for text in texts:
        told.grow(draft, text)
    await asyncio.sleep(0)
    assert len(told.deltas) == len(texts)
    assert "".join(text for _, _, text in told.deltas) == draft.text


@pytest.mark.parametrize(("now_s", "until_s"), [(100.0, 0.25), (100.0625, 0.1875), (100.2421875, 0.0078125)])
def test_windows_that_begin_at_any_time_end_with_the_same_tick(now_s: float, until_s: float) -> None:
    assert until_tick(now_s, window_s=0.25) == until_s


def test_who_wakes_at_a_tick_waits_for_the_next_one_however_the_clock_was_rounded() -> None:
    ticks = [round(number * 0.08, 3) for number in range(10_000, 12_000)]  # a loop's clock that counts milliseconds
    assert all(0.07 < until_tick(tick, window_s=0.08) < 0.082 for tick in ticks)


def test_without_a_window_nothing_is_waited_for() -> None:
    assert until_tick(100.0, window_s=0) == 0
