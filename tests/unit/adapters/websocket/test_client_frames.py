"""Client frames: parsed as documented, everything else refused with a text that says what is accepted."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.websocket.client_frames import BadFrameError, MessageSend, Ping, ReplyCancel, Resume, parse


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"type": "message.send", "msg_content": "hi"}', MessageSend(None, None, "hi")),
        ('{"type": "message.send", "message_id": "m", "session_id": "s", "msg_content": 5}', MessageSend("m", "s", 5)),
        ('{"type": "reply.cancel", "record_id": "r-1"}', ReplyCancel("r-1")),
        ('{"type": "resume", "after_seq": 7}', Resume(None, 7, ())),
        (
            '{"type": "resume", "session_id": "s", "after_seq": 0, "replies": [{"record_id": "r-1", "attempt": 1, "offset": 2}]}',
            Resume("s", 0, ("r-1",)),
        ),
        ('{"type": "ping"}', Ping(None)),
        ('{"type": "ping", "id": 5, "more": true}', Ping(5)),
    ],
)
def test_a_frame_is_understood(text: str, frame: object) -> None:
    assert parse(text) == frame


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "Binary"),
        ("", "not JSON"),
        ("5", "not a JSON object"),
        ('{"type": "hello"}', "type: one of message.send"),
        ('{"type": "message.send", "message_id": "a b"}', "message_id"),
        ('{"type": "message.send", "session_id": 5}', "session_id"),
        ('{"type": "reply.cancel", "record_id": 5}', "record_id"),
        ('{"type": "resume"}', "after_seq"),
        ('{"type": "resume", "after_seq": 1.5}', "after_seq"),
        ('{"type": "resume", "after_seq": 0, "replies": {"record_id": "r"}}', "replies"),
        ('{"type": "resume", "after_seq": 0, "replies": [' + ",".join(['{"record_id": "r"}'] * 101) + "]}", "replies"),
        ('{"type": "ping", "id": "' + "x" * 65 + '"}', "id"),
        ('{"type": "ping", "id": 1.5}', "id"),
    ],
)
def test_a_bad_frame_is_refused_by_the_name_of_what_is_wrong(text: str | None, named: str) -> None:
    with pytest.raises(BadFrameError) as refusal:
        parse(text)

    assert named in refusal.value.detail


def test_a_refused_send_keeps_its_id() -> None:
    with pytest.raises(BadFrameError) as refusal:
        parse('{"type": "message.send", "message_id": "m-1", "session_id": 5}')

    assert (refusal.value.about, refusal.value.message_id) == ("message.send", "m-1")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda child: st.lists(child) | st.dictionaries(st.text(max_size=5), child),
    max_leaves=5,
)


@settings(deadline=None)  # a busy machine is no defect
@given(
    st.sampled_from(["message.send", "reply.cancel", "resume", "ping"]),
    st.dictionaries(st.sampled_from(["message_id", "session_id", "msg_content", "record_id", "after_seq", "replies", "id"]), _json),
)
def test_whatever_a_frame_holds_it_is_parsed_or_refused(kind: str, fields: dict[str, object]) -> None:
    import json  # noqa: PLC0415  # orjson would not write what a hostile client can

    with suppress(BadFrameError):
        parse(json.dumps({"type": kind} | fields))


def test_a_reply_that_a_client_knows_twice_is_looked_up_once() -> None:
    frame = parse('{"type": "resume", "after_seq": 0, "replies": [{"record_id": "r-2"}, {"record_id": "r-1"}, {"record_id": "r-2"}]}')

    assert isinstance(frame, Resume)
    assert frame.known_replies == ("r-2", "r-1")
