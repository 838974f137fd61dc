"""Databases of a size, kept in one PostgreSQL: made by the first who asks, which takes a quarter of an hour for ten million messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from adapters.sql.migrations_runner import migrate
from loadtest.growth.generate import generate
from loadtest.growth.history import History
from loadtest.growth.server import KeptPostgres


@contextmanager
def grown(data_dir: Path, sizes: Sequence[int]) -> Iterator[list[str]]:
    """The URLs of a database for each number of messages, on one durable server that runs meanwhile."""
    if any(not _is_marked(data_dir, size) for size in sizes):
        with KeptPostgres(data_dir, loading=True) as server:
            for size in sizes:
                _make(server.url, size)
                _mark(data_dir, size).touch()
    with KeptPostgres(data_dir) as server:
        urls = [_url(server.url, size) for size in sizes]
        for url in urls:
            migrate(url)  # data of an earlier commit may lack the last steps
            _vacuum(url)
        yield urls


def _make(server_url: str, messages: int) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_name(messages)]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_name(messages))))
    generate(_url(server_url, messages), History(messages))


def _vacuum(url: str) -> None:
    """As autovacuum would have done since the last run, which took back all that it stored: nobody is to step over its dead rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM")
        connection.execute("CHECKPOINT")


def _url(server_url: str, messages: int) -> str:
    return urlsplit(server_url)._replace(path=f"/{_name(messages)}").geturl()


def _name(messages: int) -> str:
    return f"growth_{messages}"


def _mark(data_dir: Path, messages: int) -> Path:
    return data_dir / f"{_name(messages)}.whole"


def _is_marked(data_dir: Path, messages: int) -> bool:
    """Whether it was made to its end; asking the data themselves would take long."""
    return _mark(data_dir, messages).exists()
