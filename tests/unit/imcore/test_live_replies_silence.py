"""LiveReplies: which replies fell silent, which have ended."""

from __future__ import annotations

from itertools import pairwise

from imcore.chat_record import ReplyError
from imcore.events import ReplyCancelled, ReplyDelta, ReplyFailed, ReplyStarted
from imcore.live_replies import MAX_SILENT_S, SILENT_S, LiveReplies

STARTED = ReplyStarted("r-1", 1, "ann", "m-1", "m-2")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_reply_that_nothing_is_heard_of_is_named_less_and_less_often() -> None:
    clock = Clock()
    live = LiveReplies(lambda _: None, clock)
    live.hear("ann", STARTED)
    named_at = []
    for second in range(1, 300):
        clock.now = 100.0 + second
        if live.silent():
            named_at.append(second)

    assert named_at[:4] == [SILENT_S, 2 * SILENT_S, 4 * SILENT_S, 8 * SILENT_S]
    assert {later - earlier for earlier, later in pairwise(named_at[5:])} == {MAX_SILENT_S}


def test_whatever_is_heard_of_it_makes_it_loud_again() -> None:
    clock = Clock()
    live = LiveReplies(lambda _: None, clock)
    live.hear("ann", STARTED)
    clock.now += SILENT_S
    assert live.silent() == [("ann", "r-1")]

    live.hear("ann", ReplyDelta("r-1", 1, 0, "Hello"))
    clock.now += SILENT_S - 1
    assert live.silent() == []
    clock.now += 1
    assert live.silent() == [("ann", "r-1")]


def test_a_reply_that_was_cancelled_before_it_began_is_told_once() -> None:
    live = LiveReplies(lambda _: None)
    cancelled = ReplyCancelled("r-1", 0, None)

    assert live.hear("ann", cancelled) is cancelled
    assert live.hear("ann", cancelled) is None


def test_the_ends_heard_since_a_moment_are_known() -> None:
    live = LiveReplies(lambda _: None)
    live.hear("ann", ReplyFailed("r-1", 2, ReplyError("llm_error", "no")))
    moment = live.ends_heard
    live.hear("ann", ReplyFailed("r-2", 1, ReplyError("llm_error", "no")))

    assert live.ended_since(moment) == {"r-2"}
    assert live.has_ended("r-1", 2)
    assert live.has_ended("r-1", 1)
    assert not live.has_ended("r-1", 3)
    assert not live.has_ended("r-3", 0)
