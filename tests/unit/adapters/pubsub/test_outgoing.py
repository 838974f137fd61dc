from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.pubsub import wire
from adapters.pubsub.channels import REQUESTS
from adapters.pubsub.outgoing import Outgoing
from imcore.events import ReplyCompleted, ReplyDelta, ReplyEvent, ReplyStarted, StopReply, WriterRequest
from imcore.message import Message, MessageType

PLENTY = 1_000_000
LEFT = "im:events:left"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _delta(record_id: str, offset: int, text: str, attempt: int = 1) -> ReplyDelta:
    return ReplyDelta(record_id, attempt, offset, text)


def _all(outgoing: Outgoing, max_bytes: int = PLENTY) -> list[list[ReplyEvent | WriterRequest]]:
    """Takes everything; one list a batch."""
    batches = []
    while taken := outgoing.take(max_bytes):
        for batch in taken:
            batches.append([_decode(batch.channel, item) for item in wire.split(batch.payload, LEFT)])
            assert batch.items == len(batches[-1])
    return batches


def _decode(channel: str, item: object) -> ReplyEvent | WriterRequest:
    return wire.decode_request(item) if channel == REQUESTS else wire.decode_event(item)[1]


def _filled(*events: ReplyEvent) -> Outgoing:
    outgoing = Outgoing()
    assert all(outgoing.add_event("u", event) for event in events)
    return outgoing


def test_deltas_that_go_on_become_one_although_other_replies_lie_between() -> None:
    outgoing = _filled(_delta("a", 0, "Hé"), _delta("b", 0, "x"), _delta("a", 2, "llo"), _delta("b", 1, "y"), _delta("a", 5, "!"))
    assert _all(outgoing) == [[_delta("a", 0, "Héllo!"), _delta("b", 0, "xy")]]


def test_a_delta_that_does_not_go_on_stays_alone() -> None:
    deltas = [_delta("a", 0, "one"), _delta("a", 0, "one"), _delta("a", 4, "hole"), _delta("a", 8, "anew", attempt=2)]
    assert _all(_filled(*deltas)) == [deltas]


def test_nothing_is_joined_over_another_event_of_its_reply() -> None:
    started = ReplyStarted("a", 2, "s", "m", "n")
    assert _all(_filled(_delta("a", 0, "one"), started, _delta("a", 3, "two"))) == [[_delta("a", 0, "one"), started, _delta("a", 3, "two")]]


def test_nothing_is_joined_to_what_is_on_its_way() -> None:
    outgoing = _filled(_delta("a", 0, "one"))
    assert outgoing.take(PLENTY)
    outgoing.add_event("u", _delta("a", 3, "two"))
    assert _all(outgoing) == [[_delta("a", 3, "two")]]


def test_events_and_requests_keep_their_order_in_batches_of_their_own() -> None:
    outgoing = _filled(_delta("a", 0, "one"), _delta("b", 0, "two"))
    outgoing.add_request(StopReply("a"))
    outgoing.add_event("u", _delta("c", 0, "three"))
    assert _all(outgoing) == [[_delta("a", 0, "one"), _delta("b", 0, "two")], [StopReply("a")], [_delta("c", 0, "three")]]


def test_deltas_for_one_process_are_not_joined_to_deltas_for_all() -> None:
    outgoing = Outgoing()
    outgoing.add_event("u", _delta("a", 0, "one"), "left")
    outgoing.add_event("u", _delta("a", 3, "two"))
    assert _all(outgoing) == [[_delta("a", 0, "one"), _delta("a", 3, "two")]]


def test_a_batch_is_no_longer_than_allowed_but_for_a_single_item() -> None:
    outgoing = _filled(*(_delta(f"r{number}", 0, "x" * 100) for number in range(10)), _delta("long", 0, "y" * 1_000))
    sizes = []
    while taken := outgoing.take(400):
        sizes += [(len(batch.payload), batch.items) for batch in taken]
    assert all(size <= 400 for size, items in sizes if items > 1)
    assert sizes[-1][1] == 1
    assert sum(items for _, items in sizes) == 11


def test_what_does_not_fit_is_refused_until_there_is_room() -> None:
    outgoing = Outgoing(max_chars=500)
    assert outgoing.add_event("u", _delta("a", 0, "x" * 200))
    assert not outgoing.add_event("u", _delta("b", 0, "y"))
    assert outgoing.add_event("u", _delta("a", 200, "x" * 100))
    assert not outgoing.add_event("u", _delta("a", 300, "x"))
    assert not outgoing.add_request(StopReply("a"))
    assert len(_all(outgoing)) == 1
    assert outgoing.add_event("u", _delta("b", 0, "y" * 300))


def test_nothing_is_joined_to_a_delta_that_was_refused() -> None:
    outgoing = Outgoing(max_chars=500)
    assert outgoing.add_event("u", _delta("a", 0, "x" * 150))
    assert not outgoing.add_event("u", _delta("b", 0, "y" * 200))
    assert not outgoing.add_event("u", _delta("b", 200, "y" * 100))
    assert _all(outgoing) == [[_delta("a", 0, "x" * 150)]]
    assert outgoing.add_event("u", _delta("c", 0, "z" * 300))


def test_room_is_counted_right_over_a_long_time() -> None:
    outgoing = Outgoing(max_chars=2_000)
    message = Message("m", "s", "im:ai", MessageType.AI_REPLY, "z" * 500, NOW, NOW)
    for number in range(100):
        assert outgoing.add_event("u", _delta(f"{number}", 0, "one"))
        assert outgoing.add_event("u", _delta(f"{number}", 3, "two"))
        assert outgoing.add_event("u", ReplyCompleted(f"{number}", 1, message))
        assert outgoing.take(1 if number % 2 else PLENTY)
        assert outgoing.take(PLENTY) or not number % 2


def test_text_that_is_no_unicode_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    outgoing = _filled(_delta("a", 0, "\ud83d"), _delta("b", 0, "fine"))
    assert _all(outgoing) == [[_delta("b", 0, "fine")]]
    assert _all(_filled(_delta("a", 0, "\ud83d"))) == []
    assert "cannot be encoded" in caplog.text


def test_clearing_forgets_everything_and_says_how_much() -> None:
    outgoing = _filled(_delta("a", 0, "one"), _delta("b", 0, "two"))
    assert (outgoing.clear(), len(outgoing), outgoing.take(PLENTY)) == (2, 0, [])
    outgoing.add_event("u", _delta("a", 3, "two"))
    assert _all(outgoing) == [[_delta("a", 3, "two")]]
