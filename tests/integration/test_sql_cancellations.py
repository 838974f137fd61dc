"""A caller that is cancelled, or gives up, while its step is on the way to the database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event, make_url, text

from adapters.sql.connection import Connection
from adapters.sql.database import Database
from adapters.sql.engine import open_engines
from adapters.sql.migrations_runner import migrate
from imcore.errors import StoreUnavailableError


@pytest.fixture
async def url(sqlite_url: str) -> str:
    await asyncio.to_thread(migrate, sqlite_url)
    return sqlite_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(open_engines(url, application_name="imcore-test"), step_timeout_s=0.2)
    yield opened
    await opened.close()


async def _nothing(connection: Connection) -> None:
    await connection.execute(text("SELECT 1"))


async def test_a_write_that_was_given_up_leaves_sqlites_lock_to_others(url: str, database: Database) -> None:
    go_on, errors = threading.Event(), list[object]()

    @event.listens_for(database.engines.write.sync_engine, "connect")
    def give_it_a_slow_function(connection: Any, _record: object) -> None:
        connection.create_function("wait", 0, lambda: go_on.wait(5))

    async def slow(connection: Connection) -> None:
        await connection.execute(text("SELECT wait()"))

    # an error that lives holds the frames of its traceback, and they the cursor
    event.listen(database.engines.write.sync_engine, "invalidate", lambda _connection, _record, error: errors.append(error))
    with pytest.raises(StoreUnavailableError):
        await database.write(slow)
    go_on.set()
    await asyncio.gather(*database._left, return_exceptions=True)
    assert errors
    with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None, timeout=1)) as neighbour:
        neighbour.execute("BEGIN IMMEDIATE")
        neighbour.execute("COMMIT")
    await database.write(_nothing)


async def test_a_step_goes_on_when_its_caller_is_cancelled(database: Database) -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(connection: Connection) -> None:
        begun.set()
        await go_on.wait()
        await _nothing(connection)
        done.set()

    caller = asyncio.create_task(database.write(work))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await asyncio.wait_for(done.wait(), 5)


async def test_a_step_without_a_caller_is_cancelled_when_its_time_is_up(database: Database) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def work(_: Connection) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    caller = asyncio.create_task(database.write(work))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_a_write_that_is_cancelled_twice_is_cancelled_and_not_made(postgres_url: str) -> None:
    database, begun, tries = Database(open_engines(postgres_url, application_name="imcore-test")), asyncio.Event(), 0

    async def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute(text("INSERT INTO kept VALUES (1)"))
        if tries == 1:
            begun.set()
            await connection.execute(text("SELECT pg_sleep(60)"))

    await database.write(lambda connection: connection.execute(text("CREATE TABLE kept (number integer)")))
    step = asyncio.create_task(database._tried(lambda: database._write_once(work)))
    await begun.wait()
    step.cancel()
    await asyncio.sleep(0)
    step.cancel()  # the driver, which waits for the statement's end, closes its connection: no reason to try again
    await asyncio.wait({step})
    kept = await database.write(lambda connection: connection.execute(text("SELECT * FROM kept")))
    await database.close()
    assert (step.cancelled(), tries, list(kept)) == (True, 1, [])
