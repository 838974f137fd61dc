from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Dialect, make_url

from adapters.sql.columns import JsonObject, MessageTypeName, StatusNumber, UtcDateTime
from imcore.chat_record import ReplyStatus
from imcore.message import MessageType

DIALECTS = [make_url(f"{name}://").get_dialect()() for name in ("mysql+asyncmy", "postgresql+psycopg", "sqlite")]
NOON = datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_time_comes_back_in_utc_whatever_zone_it_was_given_in(dialect: Dialect) -> None:
    column: Any = UtcDateTime()
    given = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    kept = column.process_bind_param(given, dialect)
    process = column.result_processor(dialect, None)
    back = process(kept) if process else kept
    assert (back, back.tzinfo) == (NOON, UTC)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("member", [*ReplyStatus, *MessageType, None])
def test_a_member_of_an_enumeration_comes_back_as_itself(dialect: Dialect, member: ReplyStatus | MessageType | None) -> None:
    column: Any = StatusNumber() if isinstance(member, ReplyStatus) else MessageTypeName()
    bind, back = column.bind_processor(dialect), column.result_processor(dialect, None)
    assert type(bind(member)) in {int, str, type(None)}
    assert back(bind(member)) is member


def test_a_json_object_keeps_what_is_no_text() -> None:
    column = JsonObject()
    kept = column.process_bind_param({"text": "half \ud83d"}, DIALECTS[0])
    assert kept == '{"text":"half \\ud83d"}'
    assert column.process_result_value(kept, DIALECTS[0]) == {"text": "half \ud83d"}


def test_a_json_object_is_readable_text_without_nul() -> None:
    column = JsonObject()
    kept = column.process_bind_param({"text": "漢字 \x00"}, DIALECTS[0])
    assert kept == '{"text":"漢字 \\u0000"}'
    assert column.process_result_value(kept, DIALECTS[0]) == {"text": "漢字 \x00"}
