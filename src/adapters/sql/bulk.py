"""Many rows in one statement, whose text stays the same however many there are: so it is prepared and planned once.

PostgreSQL is given the rows as one JSON document and the keys as one array: psycopg spends 3.4 µs on a message given so, 10.9 µs with
`executemany`, 15.7 µs on its own arrays of the columns. (Sends are given as array literals, see `plain_steps`.) The other databases are
given row by row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    ColumnElement,
    Dialect,
    Executable,
    String,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeDecorator

from adapters.sql.columns import JsonObject, json_text
from adapters.sql.connection import POSTGRESQL, Connection

Row = Mapping[str, Any]


class Bulk(ABC):
    """One kind of write, of many rows with a value for each of `columns`. `by_row` writes one where `by_document` cannot be."""

    by_row: Executable

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        self.columns = columns
        self.texts = [column.name for column in columns if isinstance(column.type, JsonObject)]

    @abstractmethod
    def by_document(self, parameter: str) -> Any:
        """The statement that takes all rows as the document `parameter`."""

    @abstractmethod
    def values(self, row: Row) -> Row:
        """What `by_row` is given."""


class BulkInsert(Bulk):
    """`INSERT` of these columns of a table; the others get their default or NULL."""

    def __init__(self, table: Table, *names: str) -> None:
        super().__init__([table.c[name] for name in names])
        self._table, self._names = table, names
        self.by_row = insert(table)

    def by_document(self, parameter: str) -> Any:
        return insert(self._table).from_select(self._names, select(*recordset(self.columns, parameter).c))

    def values(self, row: Row) -> Row:
        return row


class BulkUpdate(Bulk):
    """`UPDATE` of these columns, each row found by its unique `key`. No row may be given twice."""

    def __init__(self, table: Table, key: str, *names: str) -> None:
        super().__init__([table.c[name] for name in (key, *names)])
        self._table, self._key, self._names = table, key, names
        by_key = table.c[key] == bindparam(f"new_{key}")
        self.by_row = update(table).where(by_key).values({name: bindparam(f"new_{name}") for name in names})

    def by_document(self, parameter: str) -> Any:
        given = recordset(self.columns, parameter)
        by_key = self._table.c[self._key] == given.c[self._key]
        return update(self._table).where(by_key).values({name: given.c[name] for name in self._names})

    def values(self, row: Row) -> Row:
        return {f"new_{name}": value for name, value in row.items()}


Write = tuple[Bulk, Sequence[Row]]


async def write_together(connection: Connection, *writes: Write) -> None:
    """Write all rows; on PostgreSQL in one statement, whose parts do not see one another: no row may be in two of them."""
    due = [(bulk, rows) for bulk, rows in writes if rows]
    if connection.dialect != POSTGRESQL:
        for bulk, rows in due:
            await connection.execute(bulk.by_row, [bulk.values(row) for row in rows])
    elif due:
        documents = {_parameter(place): document(rows, bulk.texts) for place, (bulk, rows) in enumerate(due)}
        await connection.execute(_in_one(tuple(bulk for bulk, _ in due)), documents)


@cache
def _in_one(bulks: tuple[Bulk, ...]) -> Executable:
    *others, last = (bulk.by_document(_parameter(place)) for place, bulk in enumerate(bulks))
    statement: Executable = last.add_cte(*(other.cte(f"part_{place}") for place, other in enumerate(others)))
    return statement


def _parameter(place: int) -> str:
    return f"rows_{place}"


def among(dialect: str, column: Column[str], parameter: str) -> ColumnElement[bool]:
    """Whether a text column is one of the list that is given as `parameter`."""
    if dialect == POSTGRESQL:
        return column == any_(cast(bindparam(parameter, type_=TextArray), ARRAY(String)))
    return column.in_(bindparam(parameter, expanding=True))


class TextArray(TypeDecorator[Sequence[str]]):
    """A list as PostgreSQL's array literal: the driver would look at each item."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str:  # noqa: ARG002  (SQLAlchemy's signature)
        items = (item.replace("\\", "\\\\").replace('"', '\\"') for item in value or ())
        return '{"' + '","'.join(items) + '"}' if value else "{}"


def recordset(columns: Sequence[Column[Any]], parameter: str) -> TableValuedAlias:
    """The rows that are given as the document `parameter`; PostgreSQL only."""
    fields = [Column(column.name, column.type) for column in columns]
    given = func.json_to_recordset(cast(bindparam(parameter, type_=Text), JSON))
    return given.table_valued(*fields, name="given").render_derived(with_types=True)


def document(rows: Sequence[Row], texts: Sequence[str] = ()) -> str:
    """The rows as JSON; `texts` are the columns that hold a JSON object as text."""
    if texts:
        rows = [{**row, **{name: json_text(row[name]) for name in texts}} for row in rows]
    return orjson.dumps(rows).decode()
