"""What a step's statements and answers look like, on every database; and what a cut connection costs the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from sqlalchemy import Executable, bindparam, func, insert, literal, select, text, update

from adapters.sql.bulk import among
from adapters.sql.connection import Connection
from adapters.sql.database import Database
from adapters.sql.engine import POOL_SIZE, open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from adapters.sql.reads import changed_since
from adapters.sql.schema import records
from imcore.chat_record import ReplyStatus
from imcore.double_texting import DoubleTexting
from tests.contracts.message_stores import a_send, answer
from tests.polling import eventually

NOON = datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)
REQUIRED: dict[str, Any] = {
    "session_id": "alice",
    "user_id": "alice",
    "user_seq": 1,
    "status": ReplyStatus.PROCESSING,
    "attempt": 0,
    "attempt_limit": 3,
    "cancel_requested": False,
    "created_at": NOON,
    "updated_at": NOON,
}


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    url: str = request.getfixturevalue(f"{request.param}_url")
    await asyncio.to_thread(migrate, url)
    opened = Database(open_engines(url, application_name="imcore-test"))
    yield opened
    await opened.close()


async def executed(database: Database, statement: Executable, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows, in a transaction of its own."""

    async def work(connection: Connection) -> Sequence[Sequence[Any]]:
        return await connection.execute(statement, values)

    return [tuple(row) for row in await database.write(work)]


async def keep_record(database: Database, record_id: str, **values: Any) -> None:
    await executed(database, insert(records).values(REQUIRED | {"record_id": record_id, "user_message_id": record_id} | values))


# statements


async def test_each_execution_has_its_own_values_and_the_statements_own_ones_again(database: Database) -> None:
    for record_id, seq in (("one", 1), ("two", 2)):
        await keep_record(database, record_id, user_seq=seq)
    by_seq = select(records.c.record_id).where(records.c.user_seq == bindparam("seq", 2))
    assert await executed(database, by_seq, {"seq": 1}) == [("one",)]
    assert await executed(database, by_seq) == [("two",)]
    assert await executed(database, by_seq, {"seq": 1}) == [("one",)]


async def test_statements_that_differ_in_nothing_but_their_values_are_not_taken_for_one_another(database: Database) -> None:
    for record_id in ("one", "two", "three"):
        await keep_record(database, record_id)
    for wanted in (["one"], ["two", "three"], ["nobody"], []):
        statement = select(records.c.record_id).where(records.c.record_id.in_(wanted))
        assert {record_id for (record_id,) in await executed(database, statement)} == set(wanted) - {"nobody"}


async def test_a_list_that_is_given_to_a_kept_statement_may_be_of_any_length_and_hold_any_text(database: Database) -> None:
    given = ['"', "\\", ",", "{}", "NULL", "null", "%s", "%(ids)s", ":ids", "'", "漢字 🎉", " "]
    for number, record_id in enumerate(given):
        await keep_record(database, record_id, user_message_id=str(number))
    dialect = database.engines.write.dialect.name
    statement = select(records.c.record_id).where(among(dialect, records.c.record_id, "ids"))
    for wanted in (given[:1], given, [], given[3:6], ["nobody"]):
        found = {record_id for (record_id,) in await executed(database, statement, {"ids": wanted})}
        assert found == set(wanted) - {"nobody"}


async def test_nothing_stays_nothing_in_a_column_of_any_type(database: Database) -> None:
    nullable = [column for column in records.c if column.nullable]
    await keep_record(database, "by default")
    await keep_record(database, "given", **{column.name: None for column in nullable})
    rows = await executed(database, select(*nullable).where(records.c.request_content.is_(None), records.c.lease_expires_at.is_(None)))
    assert rows == [(None,) * len(nullable)] * 2


@pytest.mark.parametrize(
    "content",
    [{}, {"text": "漢字 🎉 \x00 %s %(x)s :x '\"\\"}, {"text": "half \ud83d"}, {"deep": [{"a": None}, 1.5, True]}],
    ids=["empty", "any text", "half a surrogate pair", "deep"],
)
async def test_a_json_object_comes_back_as_it_was(database: Database, content: dict[str, object]) -> None:
    await keep_record(database, "one", request_content=content)
    assert await executed(database, select(records.c.request_content)) == [(content,)]
    await executed(database, update(records).values(response_content=bindparam("content")), {"content": content})
    assert await executed(database, select(records.c.response_content)) == [(content,)]


async def test_a_time_comes_back_in_utc_and_finds_its_row_from_any_zone(database: Database) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    await keep_record(database, "one", lease_expires_at=elsewhere)
    ((kept, status),) = await executed(
        database, select(records.c.lease_expires_at, records.c.status).where(records.c.created_at == bindparam("then")), {"then": elsewhere}
    )
    assert (kept, kept.tzinfo, status) == (NOON, UTC, ReplyStatus.PROCESSING)
    assert isinstance(status, ReplyStatus)


async def test_a_time_comes_back_in_utc_from_a_server_in_another_zone(postgres_url: str) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET timezone = 'Asia/Kolkata'")
    database = Database(open_engines(f"{postgres_url}?options=-ctimezone%3DEurope/Berlin", application_name="imcore-test"))
    await keep_record(database, "one")
    ((kept,),) = await executed(database, select(records.c.created_at))
    listed = await database.read(lambda connection: changed_since(connection, "alice", NOON - timedelta(days=1), limit=1))
    await database.close()
    assert (kept, kept.tzinfo, listed[0].created_at, listed[0].created_at.tzinfo) == (NOON, UTC, NOON, UTC)


async def test_a_value_may_look_like_a_placeholder(database: Database) -> None:
    assert await executed(database, select(literal("100 %s %(x)s %% :x").label("said"))) == [("100 %s %(x)s %% :x",)]


async def test_a_statement_that_gives_no_rows_gives_none(database: Database) -> None:
    assert await executed(database, update(records).values(attempt=1)) == []


async def test_what_looks_for_open_records_is_planned_each_time_and_all_else_once(postgres_url: str) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with SqlAlchemyMessageStore(open_engines(postgres_url, application_name="imcore-test")) as store:
        for mode in (DoubleTexting.REJECT, DoubleTexting.INTERRUPT):
            for _ in range(10):  # the driver prepares what it is given for the sixth time
                await store.add(*a_send(), max_pending=20, double_texting=mode)
                await answer(store)
        kept = await executed(store._database, text("SELECT statement FROM pg_prepared_statements"))
    looking = [statement for (statement,) in kept if statement.startswith("SELECT") and "ai_chat_records.status = " in statement]
    assert kept
    assert looking == []


# a cut


class Writers:
    """Several transactions at once, each on a connection of its own, that go on when they are told to."""

    def __init__(self, database: Database, count: int) -> None:
        self.go_on = asyncio.Event()
        self.pids: list[int] = []
        self._all_begun = asyncio.Barrier(count + 1)
        self._tasks = [asyncio.create_task(database.write(self._work)) for _ in range(count)]

    async def _work(self, connection: Connection) -> None:
        pid = select(func.pg_backend_pid())
        is_first_try = not self.go_on.is_set()
        self.pids.append((await connection.execute(pid))[0][0])
        if is_first_try:
            await self._all_begun.wait()
            await self.go_on.wait()
        await connection.execute(pid)

    async def begun(self) -> None:
        await self._all_begun.wait()

    async def ended(self) -> None:
        self.go_on.set()
        await asyncio.gather(*self._tasks)


def connections(url: str) -> int:
    """How many of ours the server has."""
    with psycopg.connect(url) as connection:
        ours = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'imcore-test'").fetchone()
    assert ours is not None
    return int(ours[0])


def terminate(url: str, pid: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


async def test_a_cut_connection_orphans_none_of_those_that_others_use(postgres_url: str) -> None:
    database = Database(open_engines(postgres_url, application_name="imcore-test"))
    for _ in range(2):
        writers = Writers(database, POOL_SIZE)
        await writers.begun()
        await asyncio.to_thread(terminate, postgres_url, writers.pids[0])
        await writers.ended()
        again = Writers(database, POOL_SIZE)
        await again.begun()
        assert await asyncio.to_thread(connections, postgres_url) == POOL_SIZE
        await again.ended()
    await database.close()
    await eventually(lambda: connections(postgres_url) == 0)


async def test_a_write_whose_connection_is_cut_is_made_once_more_on_a_fresh_one(postgres_url: str) -> None:
    database = Database(open_engines(postgres_url, application_name="imcore-test"))
    await executed(database, text("CREATE TABLE kept (number integer)"))
    pids: list[int] = []

    async def work(connection: Connection) -> None:
        pids.append((await connection.execute(select(func.pg_backend_pid())))[0][0])
        await connection.execute(text("INSERT INTO kept VALUES (1)"))
        if len(pids) == 1:
            await asyncio.to_thread(terminate, postgres_url, pids[0])
        await connection.execute(text("INSERT INTO kept VALUES (2)"))

    await database.write(work)
    assert len(set(pids)) == 2
    assert await executed(database, text("SELECT number FROM kept")) == [(1,), (2,)]
    await database.close()
