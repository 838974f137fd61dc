"""An empty database of each kind, migrated, on a server of its own that keeps its promises: what is committed is on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncmy
import psycopg

from adapters.sql.migrations_runner import migrate
from loadtest.profiles.profile import Store
from tests.servers import MariaDBServer, PostgresServer, Server

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class NotDurableError(Exception):
    """A server that forgets what it committed is fast for nothing."""


@contextmanager
def database(store: Store) -> Iterator[tuple[Server | None, str]]:
    """The server and the URL of the database; None and "" where the service keeps its own file, or nothing."""
    match store:
        case "postgresql":
            with PostgresServer() as postgres:
                _check_postgres(postgres.url)
                migrate(postgres.url)
                yield postgres, postgres.url
        case "mariadb":
            with MariaDBServer() as mariadb:
                url = asyncio.run(_durable_mysql_database(mariadb.url))
                migrate(url)
                yield mariadb, url
        case "sqlite" | "memory":
            yield None, ""


def _check_postgres(url: str) -> None:
    with psycopg.connect(url) as connection:
        for name, needed in DURABLE.items():
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            if row != (needed,):
                raise NotDurableError(f"PostgreSQL's {name} is {row}, not {needed}")


async def _durable_mysql_database(url: str) -> str:
    address = urlsplit(url)
    connection = await asyncmy.connect(host=address.hostname, port=address.port, user=address.username)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT @@innodb_flush_log_at_trx_commit")
            if (row := await cursor.fetchone()) != (1,):
                raise NotDurableError(f"MariaDB's innodb_flush_log_at_trx_commit is {row}, not 1")
            await cursor.execute("CREATE DATABASE imcore")
    finally:
        await connection.ensure_closed()
    return address._replace(path="/imcore").geturl()
