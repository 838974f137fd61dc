from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Dialect, make_url

from adapters.sql.columns import JsonObject, UtcDateTime

DIALECTS = [make_url(f"{name}://").get_dialect()() for name in ("mysql+asyncmy", "postgresql+psycopg", "sqlite")]
NOON = datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_time_comes_back_in_utc_whatever_zone_it_was_given_in(dialect: Dialect) -> None:
    column = UtcDateTime()
    given = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    kept = column.process_bind_param(given, dialect)
    back = column.process_result_value(kept, dialect)
    assert back == NOON
    assert back is not None
    assert back.tzinfo is UTC


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
