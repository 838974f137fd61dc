"""From a public URL to connections: which driver, how many, how soon they give up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

CONNECT_TIMEOUT_S = 3
POOL_TIMEOUT_S = 3
SQLITE_BUSY_TIMEOUT_S = 5
MYSQL_LOCK_TIMEOUT_S = 5
POOL_SIZE = 8
SQLITE_READERS = 3

AVOIDED_WAYS = ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin")
"""PostgreSQL's settings that are off on our connections: what is left finds rows by an index, in its order."""

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+asyncmy",
    "mariadb": "mysql+asyncmy",
}
_ACCEPTED = "sqlite:///path/to/file.db, postgresql://user:password@host/name or mysql://user:password@host/name"


@dataclass(frozen=True, slots=True)
class Engines:
    """`write` is for transactions, `read` for single statements, on PostgreSQL also for those that write. They share one pool, but on
    SQLite: it has one connection for writing and a few for reading."""

    write: AsyncEngine
    read: AsyncEngine

    def connection_counts(self) -> dict[str, int]:
        """Open connections by state, `in_use` and `idle`."""
        pools = [pool for pool in {self.write.pool, self.read.pool} if isinstance(pool, QueuePool)]
        return {"in_use": sum(pool.checkedout() for pool in pools), "idle": sum(pool.checkedin() for pool in pools)}

    async def dispose(self) -> None:
        """Close all connections."""
        await self.write.dispose()
        await self.read.dispose()


def driver_url(database_url: str) -> URL:
    """The URL with our driver in it.

    Raises:
        ValueError: another kind of database or no URL at all; the text names the accepted forms and holds no password.
    """
    try:
        url = make_url(database_url)
    except ArgumentError:
        raise ValueError(f"not a database URL; accepted are {_ACCEPTED}") from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ValueError(f"{url.drivername}:// is not accepted; accepted are {_ACCEPTED}")
    if driver == "sqlite+aiosqlite" and url.database in {None, "", ":memory:"}:
        raise ValueError(f"SQLite needs a file; accepted are {_ACCEPTED}")
    return url.set(drivername=driver)


def open_engines(database_url: str, *, application_name: str) -> Engines:
    """Pools for this database, on which nothing is connected yet. `application_name` is shown by PostgreSQL and MySQL.

    Raises:
        ValueError: see `driver_url`.
    """
    url = driver_url(database_url)
    match url.get_backend_name():
        case "sqlite":
            return Engines(write=_sqlite_engine(url, writes=True), read=_sqlite_engine(url, writes=False))
        case "postgresql":
            arguments: dict[str, object] = {"application_name": application_name, "connect_timeout": CONNECT_TIMEOUT_S}
            engine = _pooled_engine(url, arguments)
            event.listen(engine.sync_engine, "connect", _prepare_postgresql)
            return Engines(write=engine, read=engine.execution_options(isolation_level="AUTOCOMMIT"))  # spares BEGIN and ROLLBACK
        case _:
            engine = _pooled_engine(url, _mysql_arguments(application_name))
            return Engines(write=engine, read=engine)


def _pooled_engine(url: URL, connect_args: dict[str, object]) -> AsyncEngine:
    return create_async_engine(
        url,
        isolation_level="READ COMMITTED",  # a statement sees what was committed while it waited for a lock
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        pool_use_lifo=True,
        pool_reset_on_return=None,  # a connection ends its transaction before it is returned
        connect_args=connect_args,
    )


def _mysql_arguments(application_name: str) -> dict[str, object]:
    return {
        "charset": "utf8mb4",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "program_name": application_name,
        "init_command": f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {MYSQL_LOCK_TIMEOUT_S}",
    }


def _sqlite_engine(url: URL, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=1 if writes else SQLITE_READERS,
        max_overflow=0,
        pool_timeout=SQLITE_BUSY_TIMEOUT_S,
        pool_reset_on_return=None,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_S},
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite_writer if writes else _prepare_sqlite_reader)
    if writes:
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        event.listen(engine.sync_engine, "invalidate", _end_transaction)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """Every statement is to find its rows by an index, also by a plan that was made while the tables were small. Times come in UTC."""
    cursor = connection.cursor()
    cursor.execute("SET timezone = 'UTC'")
    for way in (*AVOIDED_WAYS, "jit"):
        cursor.execute(f"SET {way} = off")
    cursor.close()
    connection.commit()


def _prepare_sqlite_writer(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin late, and deferred: we say BEGIN IMMEDIATE ourselves
    _pragmas(connection, "journal_mode=WAL", "synchronous=FULL")


def _prepare_sqlite_reader(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # no BEGIN at all: each read is one statement
    _pragmas(connection, "query_only=ON")


def _end_transaction(connection: Any, _record: object, _error: object) -> None:
    """Closing alone does not: SQLite keeps a closed connection's lock as long as a cursor of it lives anywhere."""
    connection.rollback()


def _pragmas(connection: Any, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
