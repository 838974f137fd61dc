"""What becomes of a connection whose step is cancelled while its database hangs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from adapters.sql.connection import _OverDriver


class HangingDriver:
    """As psycopg: a statement that is cancelled and whose server answers nothing costs the connection."""

    def __init__(self, *, closed: bool) -> None:
        self.closed = closed

    async def execute(self, *_: object, **__: object) -> None:
        raise asyncio.CancelledError


class Lent:
    dialect = postgresql.dialect()

    def __init__(self) -> None:
        self.invalidations = 0

    async def invalidate(self) -> None:
        self.invalidations += 1


@pytest.mark.parametrize(("closed", "invalidations"), [(True, 1), (False, 0)])
async def test_a_connection_that_was_lost_to_a_cancellation_is_told_to_its_pool(closed: bool, invalidations: int) -> None:
    lent: Any = Lent()
    driver: Any = HangingDriver(closed=closed)
    with pytest.raises(asyncio.CancelledError):
        await _OverDriver(lent, driver).execute(text("SELECT 1"))
    assert lent.invalidations == invalidations
