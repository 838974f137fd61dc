"""What a user sees of one reply, by the rules in docs/api.md, and which breaches of them are noticed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.users.shown_reply import ShownReply

TEXT = "Grüße aus 𠮷野, wie geht es?"


def delta(offset: int, text: str, attempt: int = 1) -> dict[str, Any]:
    return {"type": "reply.delta", "attempt": attempt, "offset": offset, "text": text}


def end(text: str = TEXT, attempt: int = 1, kind: str = "reply.completed") -> dict[str, Any]:
    return {"type": kind, "attempt": attempt, "message": {"message_id": "ai-1", "msg_content": text}}


def grown(*frames: dict[str, Any], caught_up: bool = True) -> tuple[ShownReply, list[str | None]]:
    reply = ShownReply()
    return reply, [reply.grow(frame, caught_up=caught_up) for frame in frames]


@settings(deadline=None)
@given(st.sets(st.integers(1, len(TEXT) - 1)))
def test_deltas_in_order_make_the_text_and_nothing_is_wrong_with_it(cuts: set[int]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    reply, wrong = grown(*(delta(start, TEXT[start:stop]) for start, stop in pairwise(places)))
    assert (reply.text, set(wrong)) == (TEXT, {None})
    assert reply.finish(end()) is None


def test_a_snapshot_in_between_is_no_breach() -> None:
    assert grown(delta(0, "one"), delta(0, "one two"), delta(3, " two three"))[1] == [None, None, None]


def test_a_gap_is_a_breach_once_the_user_has_caught_up() -> None:
    assert grown(delta(0, "one"), delta(5, "two"))[1] == [None, "a gap: 3 characters shown, the next is 5"]
    assert grown(delta(5, "two"), caught_up=False)[1] == [None]


def test_text_that_is_told_twice_with_another_offset_is_a_breach() -> None:
    reply, _ = grown(delta(0, "one "), delta(4, "two "), delta(8, "two "))
    assert reply.finish(end("one two three")) == "the text shown is not the one stored"


def test_other_text_in_the_same_place_is_a_breach() -> None:
    assert grown(delta(0, "one two"), delta(4, "ten"))[1] == [None, "other text at 4 than was shown"]


def test_a_new_attempt_begins_anew_and_an_old_one_may_not_come_back() -> None:
    reply, wrong = grown(delta(0, "one"), delta(0, "two", attempt=2), delta(3, " more", attempt=1))
    assert (reply.text, wrong[:2]) == ("two", [None, None])
    assert wrong[2] == "a delta of attempt 1 after attempt 2 had begun"


def test_deltas_after_the_end_are_passed_over() -> None:
    reply = ShownReply()
    assert reply.finish(end()) is None
    assert reply.grow(delta(0, "late"), caught_up=True) is None
    assert reply.text == TEXT


def test_the_same_end_may_be_told_twice_and_another_may_not() -> None:
    reply = ShownReply()
    assert [reply.finish(end()), reply.finish(end())] == [None, None]
    assert reply.finish(end("something else")) == "two different ends"
    assert reply.finish(end(kind="reply.cancelled")) == "two different ends"


def test_an_end_with_another_text_than_was_shown_is_a_breach() -> None:
    reply, _ = grown(delta(0, "Hello"))
    assert reply.finish(end("Good morning")) == "the text shown is not the one stored"
