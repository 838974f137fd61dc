"""What PostgreSQL does without while rows are loaded.

Indexes, for building one at the end costs a fraction of keeping it. And the room that pages of records keep for changes: records that ended
have used theirs, so that new ones go to the table's end. After a history that the adapter itself stored, claimed and ended, 200 of the next
4,000 sends went to an old page of records; after one that was copied into pages with room 2,691, each a page more to read and to write.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

TABLES = ["messages", "ai_chat_records", "sessions"]

_GROWING = "ai_chat_records"  # a session's row keeps its size, and goes on using the room

_ASIDE = sql.Identifier("growth_put_aside")

_DEFINITIONS = sql.SQL("""
SELECT conname::text AS name,
       'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(conname) AS dropping,
       'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid) AS making
  FROM pg_constraint WHERE conrelid = ANY({tables}::regclass[]) AND contype IN ('p', 'u')
UNION ALL
SELECT indexrelid::regclass::text, 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid)
  FROM pg_index WHERE indrelid = ANY({tables}::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
UNION ALL
SELECT 'room in ' || oid::regclass, 'ALTER TABLE ' || oid::regclass || ' RESET (fillfactor)',
       'ALTER TABLE ' || oid::regclass || ' SET (fillfactor = ' || option_value || ')'
  FROM pg_class, pg_options_to_table(reloptions) WHERE oid = {growing}::regclass AND option_name = 'fillfactor'
""").format(tables=sql.Literal(TABLES), growing=sql.Literal(_GROWING))


_Definition = tuple[str, str, str]
"""The name of one thing, and the statements that drop it and that make it."""


class SchemaDiffersError(Exception):
    """The tables are not as the migrations made them."""


def put_aside(connection: psycopg.Connection) -> None:
    """Drop it all and remember it in a table; does nothing where that is done already."""
    if are_aside(connection):
        return
    with connection.transaction():
        connection.execute(sql.SQL("CREATE TABLE {} AS {}").format(_ASIDE, _DEFINITIONS))
        for _, dropping, _ in _remembered(connection):
            connection.execute(dropping)


def put_back(connection: psycopg.Connection) -> None:
    """Make what `put_aside` dropped and is not there yet, each in a transaction of its own, then compare. It stays remembered.

    Raises:
        SchemaDiffersError: the definitions are not those that the migrations made.
    """
    there = {name for name, _, _ in _there(connection)}
    for name, _, making in _remembered(connection):
        if name not in there:
            print(f"  {making}", flush=True)
            connection.execute(making)
    if _there(connection) != _remembered(connection):
        raise SchemaDiffersError(f"{_remembered(connection)} were remembered, {_there(connection)} are there")


def forget(connection: psycopg.Connection) -> None:
    """The last step: from now on nothing is aside."""
    connection.execute(sql.SQL("DROP TABLE {}").format(_ASIDE))


def _there(connection: psycopg.Connection) -> list[_Definition]:
    return sorted(connection.execute(_DEFINITIONS).fetchall())


def _remembered(connection: psycopg.Connection) -> list[_Definition]:
    return sorted(connection.execute(sql.SQL("SELECT name, dropping, making FROM {}").format(_ASIDE)).fetchall())


def are_aside(connection: psycopg.Connection) -> bool:
    """Whether something was put aside and not forgotten since."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [_ASIDE.as_string()]).fetchone()
    return row is not None and bool(row[0])
