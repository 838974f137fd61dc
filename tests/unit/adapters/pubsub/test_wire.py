from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.pubsub import wire
from imcore.chat_record import ReplyError
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyEvent, ReplyFailed, ReplyStarted, ShowReply, StopReply
from imcore.message import Message, MessageType

texts = st.text(st.characters(exclude_categories=["Cs"]))
positive = st.integers(min_value=0, max_value=2**63 - 1)
times = st.integers(min_value=0, max_value=2**41).map(lambda ms: datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms))
messages = st.builds(Message, texts, texts, texts, st.sampled_from(MessageType), texts, created_at=times, updated_at=times, seq=positive)
events = st.one_of(
    st.builds(ReplyStarted, texts, positive, texts, texts, texts),
    st.builds(ReplyDelta, texts, positive, positive, texts),
    st.builds(ReplyCompleted, texts, positive, messages),
    st.builds(ReplyFailed, texts, positive, st.builds(ReplyError, texts, texts)),
    st.builds(ReplyCancelled, texts, positive, st.none() | messages),
)


@given(st.lists(st.tuples(texts, events)))
def test_every_event_comes_out_as_it_went_in(sent: list[tuple[str, ReplyEvent]]) -> None:
    batch = wire.join(wire.encode_event(user_id, event) for user_id, event in sent)
    assert [wire.decode_event(item) for item in wire.split(batch)] == sent


@given(texts)
def test_every_request_comes_out_as_it_went_in(record_id: str) -> None:
    for request in (StopReply(record_id), ShowReply(record_id)):
        assert wire.decode_request(orjson.loads(wire.encode_request(request))) == request


def test_a_token_costs_few_bytes() -> None:
    delta = ReplyDelta("r", 1, 12, "word ")
    assert wire.encode_event("u", delta) == b'["u","reply.delta","r",1,12,"word "]'


def test_a_gap_travels_among_events() -> None:
    assert wire.split(wire.join([wire.GAP])) == [None]


json_values = st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner))


@given(json_values | st.lists(json_values).map(lambda fields: ["u", "reply.completed", "r", 1, fields]))
def test_anything_else_is_a_value_error(item: object) -> None:
    with pytest.raises(ValueError, match=r"no |Invalid|isoformat|MessageType"):
        wire.decode_event(item)
    with pytest.raises(ValueError, match="no request"):
        wire.decode_request(item)


@pytest.mark.parametrize("batch", [b"", b"\xff", b"{}", b"7", b"null"])
def test_what_is_no_batch_is_a_value_error(batch: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (whatever its text: it may be the JSON parser's)
        wire.split(batch)


def test_an_unpaired_surrogate_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        wire.encode_event("u", ReplyDelta("r", 1, 0, "\ud83d"))


def test_a_marked_item_that_nobody_can_read_does_not_take_the_other_items_with_it() -> None:
    delta = wire.encode_event("ann", ReplyDelta("r", 1, 0, "Hello"))
    items = wire.split(wire.join([delta, b'{"im:events:left":7}']), "im:events:left")
    assert wire.decode_event(items[0]) == ("ann", ReplyDelta("r", 1, 0, "Hello"))
