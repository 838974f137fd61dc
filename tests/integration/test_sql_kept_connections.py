"""Connections of PostgreSQL that are kept for the next step: when they are, when not, and whom that may hold up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.connection import Connection
from adapters.sql.database import KEPT_CONNECTIONS, Database
from adapters.sql.engine import POOL_SIZE, open_engines
from tests.polling import eventually


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = Database(open_engines(postgres_url, application_name="imcore-test"))
    yield opened
    await opened.close()


class Reads:
    """Reads at the same time. Each has its connection until it is let go."""

    def __init__(self, database: Database, count: int) -> None:
        self._going = asyncio.Queue[None]()
        self._begun = asyncio.Semaphore(0)
        self._tasks = [asyncio.create_task(database.read(self._work)) for _ in range(count)]

    async def _work(self, connection: AsyncConnection) -> None:
        self._begun.release()
        await self._going.get()
        await _select(connection)

    async def begun(self, count: int) -> None:
        async with asyncio.timeout(10):
            for _ in range(count):
                await self._begun.acquire()

    def let_go(self, count: int) -> None:
        for _ in range(count):
            self._going.put_nowait(None)

    async def ended(self) -> None:
        await asyncio.gather(*self._tasks)


async def _select(connection: AsyncConnection | Connection) -> None:
    await connection.execute(text("SELECT 1"))


async def keep_all(database: Database) -> None:
    """As many of each kind as there may be."""
    together = asyncio.Barrier(KEPT_CONNECTIONS)

    async def step(connection: AsyncConnection | Connection) -> None:
        await together.wait()
        await _select(connection)

    await asyncio.gather(*(database.read(step) for _ in range(KEPT_CONNECTIONS)))
    await asyncio.gather(*(database.write(step) for _ in range(KEPT_CONNECTIONS)))


def checkouts(database: Database) -> list[Any]:
    """What is taken from the pool from now on."""
    taken: list[Any] = []
    event.listen(database.engines.write.sync_engine, "checkout", lambda connection, *_: taken.append(connection))
    return taken


def terminate_all(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'imcore-test'")


def connections(url: str) -> int:
    """How many of ours the server has."""
    with psycopg.connect(url) as connection:
        ours = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'imcore-test'").fetchone()
    assert ours is not None
    return int(ours[0])


async def test_steps_one_after_another_take_one_connection_of_each_kind_from_the_pool(database: Database) -> None:
    taken = checkouts(database)
    for _ in range(3):
        await database.read(_select)
        await database.write(_select)
    assert len(taken) == 2


async def test_what_is_kept_is_counted_as_idle(database: Database) -> None:
    reads = Reads(database, 1)
    await reads.begun(1)
    assert database.connection_counts() == {"in_use": 1, "idle": 0}
    reads.let_go(1)
    await reads.ended()
    assert database.connection_counts() == {"in_use": 0, "idle": 1}


async def test_a_kept_connection_has_no_transaction(database: Database) -> None:
    async def work(connection: AsyncConnection) -> bool:
        was_within = connection.in_transaction()
        await _select(connection)
        return was_within

    assert [await database.read(work) for _ in range(2)] == [False, False]


async def test_steps_go_on_when_all_kept_connections_were_cut(database: Database, postgres_url: str) -> None:
    await keep_all(database)
    await asyncio.to_thread(terminate_all, postgres_url)
    await database.write(_select)
    await database.read(_select)
    assert await asyncio.to_thread(connections, postgres_url) == 2


async def test_a_connection_whose_step_fails_goes_to_the_pool(database: Database) -> None:
    async def wrong(connection: Connection) -> None:
        await connection.execute(text("SELECT 1 / 0"))

    taken = checkouts(database)
    await database.write(_select)
    with pytest.raises(DBAPIError):
        await database.write(wrong)
    await database.write(_select)
    assert len(taken) == 2


async def test_a_connection_whose_step_is_cancelled_goes_to_the_pool(database: Database) -> None:
    begun = asyncio.Event()

    async def work(_: Connection) -> None:
        begun.set()
        await asyncio.Event().wait()

    taken = checkouts(database)
    await database.write(_select)
    step = asyncio.create_task(database._write_once(work))
    await begun.wait()
    step.cancel()
    await asyncio.wait({step})
    await database.write(_select)
    assert (step.cancelled(), len(taken)) == (True, 2)


async def test_what_is_kept_for_writes_serves_reads_when_they_need_all_there_is(database: Database) -> None:
    await keep_all(database)
    reads = Reads(database, POOL_SIZE)
    await reads.begun(POOL_SIZE)
    reads.let_go(POOL_SIZE)
    await reads.ended()


async def test_what_is_kept_for_reads_serves_a_write_when_all_else_is_taken(database: Database) -> None:
    reads = Reads(database, POOL_SIZE)
    await reads.begun(POOL_SIZE)
    reads.let_go(1)
    await database.write(_select)
    reads.let_go(POOL_SIZE - 1)
    await reads.ended()


async def test_many_reads_at_once_do_not_starve_writes(database: Database) -> None:
    await keep_all(database)
    reads = Reads(database, 20)
    await reads.begun(POOL_SIZE)
    writes = asyncio.gather(*(database.write(_select) for _ in range(20)))
    reads.let_go(20)
    await writes
    await reads.ended()


async def test_a_closed_database_leaves_nothing_behind(postgres_url: str) -> None:
    database = Database(open_engines(postgres_url, application_name="imcore-test"))
    await keep_all(database)
    await database.close()
    await eventually(lambda: connections(postgres_url) == 0)


async def test_a_connection_that_is_lent_when_all_are_given_back_is_not_kept(database: Database) -> None:
    reads = Reads(database, 1)
    await reads.begun(1)
    await database._connections.give_back()
    reads.let_go(1)
    await reads.ended()
    assert len(database._connections) == 0
