"""Events are the same however their bytes come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.llm.server_sent_events import EventReader

line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20).map(str.encode)
noise = st.sampled_from([b": ping", b":", b"event: message", b"id: 7", b"retry: 10", b"data", b"other: field"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """The bytes of a stream, and the data of its events."""
    body, events = b"", []
    for lines in draw(st.lists(st.lists(texts, min_size=1, max_size=3), max_size=6)):
        end = draw(line_ends)
        before = draw(st.lists(noise.filter(lambda line: line != b"data"), max_size=2))
        body += b"".join(line + end for line in [*before, *(b"data: " + line for line in lines)]) + end
        events.append(b"\n".join(lines))
    return body, events


def read(*reads: bytes) -> list[bytes]:
    reader = EventReader()
    return [event for data in reads for event in reader.feed(data)]


@given(streams(), st.data())
def test_any_cuts_give_the_same_events(stream: tuple[bytes, list[bytes]], data: st.DataObject) -> None:
    body, events = stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=10)))
    assert read(*(body[start:end] for start, end in pairwise([0, *cuts, len(body)]))) == events


@given(streams())
def test_bytes_that_come_one_by_one_give_the_same_events(stream: tuple[bytes, list[bytes]]) -> None:
    body, events = stream
    assert read(*(bytes([byte]) for byte in body)) == events


def test_an_empty_read_between_cr_and_lf_changes_nothing() -> None:
    assert read(b"data: one\r", b"", b"\ndata: two\r\n\r\n") == [b"one\ntwo"]


def test_an_event_is_told_as_soon_as_its_blank_line_begins() -> None:
    reader = EventReader()
    assert reader.feed(b"data: one\r\n\r") == [b"one"]
    assert reader.feed(b"\ndata: two\r\n\r\n") == [b"two"]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data:no space\n\n", [b"no space"]),
        (b"data:  one space of two\n\n", [b" one space of two"]),
        (b"data\n\n", [b""]),
        (b": comment\n\nevent: ping\n\n", []),
        (b"\n\n\n\ndata: late\n\n", [b"late"]),
        (b"data: never ended\n", []),
        (b"database: no data\n\n", []),
    ],
)
def test_lines_are_read_as_the_standard_says(body: bytes, events: list[bytes]) -> None:
    assert read(body) == events
