"""The documented shapes are those that are sent: same fields, no more and no fewer."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from adapters.websocket import frames
from adapters.websocket.frames import Frame
from adapters.websocket.problem_object import problem_of
from adapters.websocket.render import message_json, record_json, record_summary_json, session_json
from entrypoints.api import frame_schemas, schemas
from imcore.chat_record import ChatRecord, ReplyError
from imcore.errors import RateLimitedError
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyFailed, ReplyStarted
from imcore.message import Message, MessageType
from imcore.ports import Stored
from imcore.resume_session import ReplySoFar, Resumed
from imcore.session import Session

NOW = datetime(2026, 1, 31, 8, 15, 0, 123_000, UTC)
MESSAGE = Message("m-1", "ann", "ann", MessageType.TEXT, "hi", NOW, NOW, 1)
RECORD = ChatRecord("r-1", "ann", "ann", "m-1", NOW, NOW)
SO_FAR = ReplySoFar("r-1", "m-1", "m-2", 1, "Hel")
PROBLEM = problem_of(RateLimitedError("Too fast.", 3), "req-1")

FRAMES: dict[type[BaseModel], Frame] = {
    frame_schemas.Ready: frames.ready("ann", "c-1", {}),
    frame_schemas.MessageAccepted: frames.accepted(Stored(MESSAGE, RECORD, duplicate=False)),
    frame_schemas.MessageRejected: frames.rejected(None, PROBLEM),
    frame_schemas.ReplyStarted: frames.reply_event(ReplyStarted("r-1", 1, "ann", "m-1", "m-2")),
    frame_schemas.ReplyDelta: frames.reply_event(ReplyDelta("r-1", 1, 0, "Hel")),
    frame_schemas.ReplyCompleted: frames.reply_event(ReplyCompleted("r-1", 1, MESSAGE)),
    frame_schemas.ReplyFailed: frames.reply_event(ReplyFailed("r-1", 1, ReplyError("llm_error", "no"))),
    frame_schemas.ReplyCancelled: frames.reply_event(ReplyCancelled("r-1", 1, None)),
    frame_schemas.Resumed: frames.resumed(Resumed("ann", True, [MESSAGE], [SO_FAR], [], False), [SO_FAR]),
    frame_schemas.Pong: frames.pong(5),
    frame_schemas.Error: frames.error(PROBLEM),
}


@pytest.mark.parametrize("shape", frame_schemas.FROM_SERVER, ids=frame_schemas.frame_type)
def test_a_frame_has_the_fields_of_its_shape(shape: type[BaseModel]) -> None:
    fields = json.loads(FRAMES[shape].text)

    shape.model_validate(fields, strict=True)
    assert set(fields) == set(shape.model_fields)
    assert next(iter(fields)) == "type"


def test_the_parts_of_an_answer_have_the_fields_of_their_shapes() -> None:
    assert set(message_json(MESSAGE)) == set(schemas.Message.model_fields)
    assert set(record_summary_json(RECORD)) == set(schemas.RecordSummary.model_fields)
    assert set(record_json(RECORD)) == set(schemas.Record.model_fields)
    assert set(session_json(Session("ann", "ann", 1, NOW, NOW))) == set(schemas.Session.model_fields)
    assert set(PROBLEM) == set(schemas.Problem.model_fields)


def test_times_are_utc_with_milliseconds() -> None:
    assert message_json(MESSAGE)["created_at"] == "2026-01-31T08:15:00.123Z"


def test_the_size_of_a_frame_is_counted_in_bytes() -> None:
    assert frames.reply_event(ReplyDelta("r-1", 1, 0, "😀")).size == len(frames.reply_event(ReplyDelta("r-1", 1, 0, "😀")).text.encode())
