"""A database that is dead, hangs or comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import psutil
import psycopg
import pytest

from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from imcore.errors import StoreUnavailableError
from tests.contracts.message_stores import a_send, answer, claim, send
from tests.servers import MariaDBServer, NoServerError, PostgresServer, Server, empty_mysql_database, empty_postgres_database

KINDS = {"postgres": (PostgresServer, empty_postgres_database), "mysql": (MariaDBServer, empty_mysql_database)}


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[Server, str]]:
    """A server of this test's own, and a migrated database on it."""
    kind, empty_database = KINDS[request.param]
    try:
        started = kind()
    except NoServerError as error:
        request.getfixturevalue("mysql_server")  # skips or fails, as all tests without a server do
        raise AssertionError("a server was found after all") from error
    with started as running, empty_database(running.url) as url:
        migrate(url)
        yield running, url
        running.resume()
        if not running.is_running:
            running.start()


@pytest.fixture
async def store(server: tuple[Server, str]) -> AsyncIterator[SqlAlchemyMessageStore]:
    async with SqlAlchemyMessageStore(open_engines(server[1], application_name="imcore-test"), step_timeout_s=1.0) as opened:
        yield opened


async def test_a_restart_between_two_calls_goes_unnoticed(store: SqlAlchemyMessageStore, server: tuple[Server, str]) -> None:
    first = await asyncio.gather(*(send(store, f"user{number}") for number in range(5)))
    await asyncio.gather(*(store.sessions("alice", limit=1) for _ in range(5)))
    await asyncio.to_thread(server[0].restart)
    await send(store)
    await answer(store)
    assert await store.message("user0", first[0].message.message_id) == first[0].message
    assert len(await store.messages("alice", "alice", limit=10)) == 2


async def test_a_dead_database_is_named_as_such_until_it_is_back(store: SqlAlchemyMessageStore, server: tuple[Server, str]) -> None:
    message, record = a_send()
    await asyncio.to_thread(server[0].kill)
    for call in (store.add(message, record), store.message("alice", message.message_id), store.claim("alice", lease_s=1), store.ping()):
        with pytest.raises(StoreUnavailableError):
            await call
    await asyncio.to_thread(server[0].start)
    assert not (await store.add(message, record)).duplicate


async def test_a_database_that_hangs_does_not_hang_its_callers(store: SqlAlchemyMessageStore, server: tuple[Server, str]) -> None:
    message, record = a_send()
    await send(store)
    await asyncio.to_thread(server[0].pause)
    calls = (store.add(message, record), store.messages("alice", "alice", limit=1), store.cancel("alice", "r"), store.ping())
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in answers] == [StoreUnavailableError] * 4
    await asyncio.to_thread(server[0].resume)
    await store.add(message, record)
    assert len(await store.messages("alice", "alice", limit=10)) == 2


async def test_a_message_whose_commit_was_cut_off_can_be_sent_again(store: SqlAlchemyMessageStore, server: tuple[Server, str]) -> None:
    sends = [a_send(f"user{number % 5}") for number in range(200)]
    tasks = [asyncio.create_task(store.add(*one)) for one in sends]
    await asyncio.sleep(0.01)
    await asyncio.to_thread(server[0].kill)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(one).__name__ for one in answers} <= {"Stored", "StoreUnavailableError"}
    await asyncio.to_thread(server[0].start)
    again = await asyncio.gather(*(store.add(*one) for one in sends))
    assert all(after.duplicate for before, after in zip(answers, again, strict=True) if not isinstance(before, BaseException))
    assert await store.open_record_count() == 200
    kept = [message for number in range(5) for message in await store.messages(f"user{number}", f"user{number}", limit=200)]
    assert len(kept) == 200


def backends(url: str) -> list[psutil.Process]:
    """The server's processes that serve the store."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'imcore-test'").fetchall()
    return [psutil.Process(pid) for (pid,) in found]


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
async def test_a_claim_that_was_given_up_is_not_made_behind_its_callers_back(
    store: SqlAlchemyMessageStore, server: tuple[Server, str]
) -> None:
    sent = await send(store)
    (frozen,) = await asyncio.to_thread(backends, server[1])
    frozen.suspend()  # its socket stays open, and the server is well
    with pytest.raises(StoreUnavailableError):
        await store.claim("alice", lease_s=60)
    await asyncio.gather(*store._database._left, return_exceptions=True)
    frozen.resume()
    await asyncio.to_thread(frozen.wait)
    record = await store.record("alice", sent.record.record_id)
    assert record is not None
    assert record.attempt == 0
    assert (await claim(store)).attempt == 1
