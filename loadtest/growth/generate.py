"""Fill a database with made-up conversations: `History`, stored as the adapter would have stored it.

    python -m loadtest.growth.generate --database-url postgresql://… --messages 10000000
    python -m loadtest.growth.generate --database-url sqlite:///…    --messages 1000000

Interrupted, it goes on where it stopped if it is asked for the same again.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import Dialect

from adapters.sql.engine import driver_url
from adapters.sql.migrations_runner import migrate
from loadtest.growth import aside
from loadtest.growth.history import History
from loadtest.growth.rows import Writer, Writers

_BESIDE = sql.SQL("CREATE TEMPORARY TABLE {beside} ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA")
_COPY = sql.SQL("COPY {beside} FROM STDIN")
_INSERT = sql.SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM {beside}")


class Loader(Protocol):
    """One database that takes rows by the thousand."""

    writers: Writers

    def count(self, table: str) -> int: ...

    def begin(self) -> None:
        """Make ready for many rows; may be called again after an interruption."""

    def write(self, *batches: tuple[Writer, Sequence[Sequence[Any]]]) -> None:
        """All of it in one transaction."""

    def finish(self) -> None:
        """Make the schema and the planner's statistics what they are to be."""


class PostgresLoader:
    """COPY beside the tables, then INSERT into them without indexes.

    COPY alone leaves at the end of each page the room that its next row did not fit in. VACUUM finds it, and each later send goes to an old
    page. Rows that come singly fill such gaps: after a history that the adapter stored, no message of 4,000 sends went to an old page.
    """

    def __init__(self, connection: psycopg.Connection, dialect: Dialect) -> None:
        self.writers = Writers(dialect)
        self._connection = connection

    def begin(self) -> None:
        aside.put_aside(self._connection)

    def count(self, table: str) -> int:
        row = self._connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        return int(row[0]) if row else 0

    def write(self, *batches: tuple[Writer, Sequence[Sequence[Any]]]) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for writer, rows in batches:
                names = {
                    "table": sql.Identifier(writer.table),
                    "beside": sql.Identifier(f"{writer.table}_beside"),
                    "columns": sql.SQL(", ").join(map(sql.Identifier, writer.columns)),
                }
                cursor.execute(_BESIDE.format(**names))
                with cursor.copy(_COPY.format(**names)) as copy:
                    for row in rows:
                        copy.write_row(row)
                cursor.execute(_INSERT.format(**names))

    def finish(self) -> None:
        if not aside.are_aside(self._connection):
            return
        self._connection.execute("SET maintenance_work_mem = '1GB'")
        aside.put_back(self._connection)
        print("  VACUUM ANALYZE", flush=True)
        self._connection.execute("VACUUM (ANALYZE, FREEZE)")
        self._connection.execute("CHECKPOINT")
        aside.forget(self._connection)


class SqliteLoader:
    """executemany, the indexes in place."""

    def __init__(self, connection: sqlite3.Connection, dialect: Dialect) -> None:
        self.writers = Writers(dialect)
        self._connection = connection

    def begin(self) -> None:
        self._connection.execute("PRAGMA synchronous=OFF")

    def count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  (one of our three tables)

    def write(self, *batches: tuple[Writer, Sequence[Sequence[Any]]]) -> None:
        with self._connection:
            for writer, rows in batches:
                places = ", ".join("?" * len(writer.columns))
                statement = f"INSERT INTO {writer.table} ({', '.join(writer.columns)}) VALUES ({places})"  # noqa: S608  (names of ours)
                self._connection.executemany(statement, rows)

    def finish(self) -> None:
        self._connection.execute("ANALYZE")


def generate(database_url: str, history: History) -> None:
    """Migrate the database and store what it does not have yet of the history; prints progress.

    Raises:
        ValueError: the database has rows that are not of this history.
    """
    migrate(database_url)
    with _loader(database_url) as loader:
        if loader.count("sessions") == 0:  # they are stored last
            _load(loader, history)
        loader.finish()


def _load(loader: Loader, history: History) -> None:
    loader.begin()
    stored, begun = _stored_chunks(loader, history), time.monotonic()
    for number in range(history.chunks):
        turns = list(history.chunk(number))
        if number < stored:
            continue
        loader.write(*loader.writers.turns(turns))
        done = number + 1
        to_go_s = (time.monotonic() - begun) / (done - stored) * (history.chunks - done)
        print(f"{min(done * history.chunk_turns, history.turns):>10,} of {history.turns:,} turns, {to_go_s:.0f} s to go", flush=True)
    loader.write(loader.writers.sessions(history.sessions()))


def _stored_chunks(loader: Loader, history: History) -> int:
    turns = loader.count("ai_chat_records")
    if (turns % history.chunk_turns and turns != history.turns) or turns > history.turns:
        raise ValueError(f"the database has {turns} records that are not of this history; name an empty one")
    return -(-turns // history.chunk_turns)


@contextmanager
def _loader(database_url: str) -> Iterator[Loader]:
    url = driver_url(database_url)
    dialect = url.get_dialect()()
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as file:
            yield SqliteLoader(file, dialect)
    elif url.get_backend_name() == "postgresql":
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            yield PostgresLoader(connection, dialect)
    else:
        raise ValueError("conversations are made for PostgreSQL and SQLite only")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--database-url", required=True)
    options.add_argument("--messages", type=int, default=10_000_000)
    options.add_argument("--users", type=int, help="a sixtieth of the messages if not given")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    begun = time.monotonic()
    generate(asked.database_url, History(asked.messages, users=asked.users, seed=asked.seed))
    print(f"made in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
