"""The database's clock: the one that all processes share, so the one that leases go by."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from adapters.sql.columns import UtcDateTime
from adapters.sql.connection import Connection


class DatabaseClock(FunctionElement[datetime]):
    """The time now; not that of the transaction's begin, which may have waited for locks since."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(DatabaseClock, "postgresql")
def _on_postgresql(_element: DatabaseClock, _compiler: SQLCompiler, **_: Any) -> str:
    return "clock_timestamp()"


@compiles(DatabaseClock, "mysql")
def _on_mysql(_element: DatabaseClock, _compiler: SQLCompiler, **_: Any) -> str:
    return "UTC_TIMESTAMP(6)"


@compiles(DatabaseClock, "sqlite")
def _on_sqlite(_element: DatabaseClock, _compiler: SQLCompiler, **_: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"  # %f ends at milliseconds, stored times at microseconds


_NOW = select(DatabaseClock().label("now"))


async def database_now(connection: Connection) -> datetime:
    """Now by the database's clock, cut to milliseconds as all our times are."""
    now: datetime = (await connection.execute(_NOW))[0][0]
    return whole_ms(now)


def whole_ms(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


class HeardClock:
    """The database's clock as it was last heard, carried on by this process's own."""

    def __init__(self) -> None:
        self._heard: tuple[datetime, float] | None = None

    async def now(self, connection: Connection) -> datetime:
        """Asks the database if it was not heard yet."""
        if self._heard is None:
            self.hear(await database_now(connection))
        assert self._heard is not None  # noqa: S101  # just now
        then, at_s = self._heard
        return then + timedelta(seconds=time.monotonic() - at_s)

    def hear(self, now: datetime) -> None:
        self._heard = (now, time.monotonic())

    def forget(self) -> None:
        """It may have been set anew, or be another server's."""
        self._heard = None
