"""The cursor of an event stream: no character twice, none left out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoints.api.reply_cursor import ReplyCursor
from imcore.events import ReplyDelta


@pytest.mark.parametrize("text", [None, "", "5", "a:b", "1:2:3", "-1:0", "1:-2", "1: 2", "9999999999:1"])
def test_an_id_that_was_never_given_means_the_beginning(text: str | None) -> None:
    assert ReplyCursor.of(text) == ReplyCursor(0, 0)


def test_an_id_reads_back_as_it_was_given() -> None:
    assert str(ReplyCursor.of("2:57")) == "2:57"


def test_a_later_attempt_begins_anew_and_an_earlier_one_is_over() -> None:
    cursor = ReplyCursor(1, 5)

    assert cursor.advance(ReplyDelta("r", 2, 0, "New")) == ReplyDelta("r", 2, 0, "New")
    assert cursor.advance(ReplyDelta("r", 1, 5, "old")) is None
    assert str(cursor) == "2:3"


@settings(deadline=None)  # a busy machine is no defect
@given(st.text(min_size=1, max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=20), st.integers(0, 30))
def test_what_is_told_is_always_the_text_without_gap_or_repetition(text: str, pieces: list[tuple[int, int]], start: int) -> None:
    cursor = ReplyCursor(1, min(start, len(text)))
    told = text[: cursor.offset]
    for offset, length in pieces:
        news = cursor.advance(ReplyDelta("r", 1, offset, text[offset : offset + length]))
        if news is not None:
            assert news.offset == len(told)
            told += news.text

    assert text.startswith(told)
    assert cursor.offset == len(told)
