"""Connection: what a step of the store executes its statements on.

On PostgreSQL a statement is compiled once and given to the driver. Executed through SQLAlchemy each costs 0.14 ms of CPU more, and a
reply takes thirty: more than all else that a worker does for it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection as DriverConnection
from psycopg import Error as DriverError
from sqlalchemy import Dialect, Executable, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

POSTGRESQL = "postgresql"

PLAN_ANEW = "plan_anew"
"""The execution option of a statement that PostgreSQL is to plan each time. It keeps the plans of all others; but one that looks for open
records and was planned for an empty database, which has no statistics, may read all of them for ever after."""

Row = Sequence[Any]
Values = Mapping[str, Any]
Processor = Callable[[Any], Any] | None


class Connection(ABC):
    """Of one transaction. `dialect` is the database's name, as in `postgresql`."""

    dialect: str

    @abstractmethod
    async def execute(self, statement: Executable, values: Values | Sequence[Values] | None = None) -> Sequence[Row]:
        """Returns the rows, none for a statement that gives none. A sequence of values executes it for each."""

    @abstractmethod
    async def commit(self) -> None: ...

    @abstractmethod
    async def rollback(self) -> None: ...


async def connection_over(connection: AsyncConnection) -> Connection:
    """The way that suits the database."""
    lent: Any = connection.sync_connection
    if lent.dialect.name != POSTGRESQL:
        return _OverSqlAlchemy(connection)
    return _OverDriver(connection, lent.connection.driver_connection)


class _OverSqlAlchemy(Connection):
    def __init__(self, connection: AsyncConnection) -> None:
        self.dialect = connection.dialect.name
        self._connection = connection

    async def execute(self, statement: Executable, values: Values | Sequence[Values] | None = None) -> Sequence[Row]:
        result = await self._connection.execute(statement, values)
        return result.all() if result.returns_rows else ()

    async def commit(self) -> None:
        await self._connection.commit()

    async def rollback(self) -> None:
        await self._connection.rollback()


class _OverDriver(Connection):
    dialect = POSTGRESQL

    def __init__(self, connection: AsyncConnection, driver: DriverConnection) -> None:
        self._connection = connection
        self._driver = driver

    async def execute(self, statement: Executable, values: Values | Sequence[Values] | None = None) -> Sequence[Row]:
        assert not isinstance(values, Sequence)  # noqa: S101  # here many rows are one document, see `bulk`
        prepared = _prepared(statement, self._connection.dialect)
        try:
            cursor = await self._driver.execute(prepared.text, prepared.values(values or {}), prepare=prepared.prepare)
            gives_rows = cursor.pgresult is not None and cursor.pgresult.nfields > 0  # spares the cursor's description of each column
            return prepared.rows(await cursor.fetchall()) if gives_rows else ()
        except DriverError as error:
            raise await self._translated(error, prepared.text) from error
        except asyncio.CancelledError:
            if self._driver.closed:  # which it does to one that answers no cancelling: its pool has to know, or takes it for one in use
                await self._connection.invalidate()
            raise

    async def commit(self) -> None:
        try:
            await self._driver.commit()
        except DriverError as error:
            raise await self._translated(error, "COMMIT") from error

    async def rollback(self) -> None:
        try:
            await self._driver.rollback()
        except DriverError as error:
            raise await self._translated(error, "ROLLBACK") from error

    async def _translated(self, error: DriverError, text: str) -> BaseException:
        """As SQLAlchemy would raise it. The other connections of the pool are most likely as dead as this one."""
        is_cut = self._driver.closed
        if is_cut and not self._connection.invalidated:  # once: to ask for the raw connection again would open another
            pool: Any = self._connection.engine.pool
            pool._invalidate(await self._connection.get_raw_connection(), error, _checkin=False)  # noqa: SLF001  # as SQLAlchemy itself does
            await self._connection.invalidate(error)
        return DBAPIError.instance(text, None, error, DriverError, connection_invalidated=is_cut)


class _Prepared:
    """A compiled statement: its text, and what each of its values and columns needs on the way."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = cast("Any", statement).compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.text: str = compiled.string
        self.prepare = False if statement.get_execution_options().get(PLAN_ANEW) else None
        self._process: dict[str, Processor] = {name: _bind_processor(bind.type, dialect) for name, bind in compiled.binds.items()}
        self._given = {name: self._processed(name, value) for name, value in compiled.construct_params(_check=False).items()}
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        processors = [_result_processor(column.type, dialect) for column in columns]
        self._columns = [(place, process) for place, process in enumerate(processors) if process is not None]

    def values(self, values: Values) -> Values:
        return {**self._given, **{name: self._processed(name, value) for name, value in values.items()}} if values else self._given

    def rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        return [self._row(row) for row in rows] if self._columns else rows

    def _row(self, row: Row) -> Row:
        values = list(row)
        for place, process in self._columns:
            values[place] = process(values[place])
        return values

    def _processed(self, name: str, value: Any) -> Any:
        process = self._process.get(name)
        return value if process is None else process(value)


def _bind_processor(type_: Any, dialect: Dialect) -> Processor:
    processor: Processor = type_.dialect_impl(dialect).bind_processor(dialect)
    return processor


def _result_processor(type_: Any, dialect: Dialect) -> Processor:
    processor: Processor = type_.dialect_impl(dialect).result_processor(dialect, None)
    return processor


_known: WeakKeyDictionary[Executable, _Prepared] = WeakKeyDictionary()


def _prepared(statement: Executable, dialect: Dialect) -> _Prepared:
    prepared = _known.get(statement)
    if prepared is None:
        prepared = _known[statement] = _Prepared(statement, dialect)
    return prepared
