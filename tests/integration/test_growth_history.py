"""Made-up conversations for measuring growth: as whole and as ordered as real ones, or the measurements would mean nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from adapters.sql.engine import Engines, open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import _run
from adapters.sql.schema import metadata
from imcore.message import Message
from imcore.ports import Audit
from loadtest.growth.generate import generate
from loadtest.growth.history import LONG_SESSION, OPEN_RECORDS, SHORT_SESSION, History, Turn
from tests.contracts.message_stores import send

MESSAGES = 3_000


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database."""
    found = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(found, str)
    return found


async def _all_messages(store: SqlAlchemyMessageStore, session_id: str) -> Sequence[Message]:
    return await store.messages(session_id, session_id, limit=MESSAGES)


async def test_nothing_is_lost_or_doubled_and_all_but_the_open_records_have_ended(url: str) -> None:
    await asyncio.to_thread(generate, url, History(MESSAGES))
    async with SqlAlchemyMessageStore(open_engines(url, application_name="imcore-test")) as store:
        assert await store.audit(older_than_s=0) == Audit(0, OPEN_RECORDS, 0, 0, 0)


async def test_the_messages_of_a_session_are_numbered_in_the_order_of_time(url: str) -> None:
    await asyncio.to_thread(generate, url, History(MESSAGES))
    async with SqlAlchemyMessageStore(open_engines(url, application_name="imcore-test")) as store:
        assert len(await _all_messages(store, SHORT_SESSION)) == 10
        found = await _all_messages(store, LONG_SESSION)
        assert [message.seq for message in found] == list(range(1, len(found) + 1))
        questions = [message for message in found if message.from_user_id == LONG_SESSION]
        assert all(before.created_at <= after.created_at and before.message_id < after.message_id for before, after in pairwise(questions))
        (session,) = await store.sessions(LONG_SESSION, limit=5)
        assert session.last_seq == found[-1].seq


async def test_the_schema_is_that_of_the_migrations(url: str) -> None:
    await asyncio.to_thread(generate, url, History(MESSAGES))
    assert await asyncio.to_thread(_run, url, _differences) == []


@pytest.mark.parametrize(("table", "who"), [("messages", "from_user_id"), ("ai_chat_records", "user_id")])
async def test_what_is_stored_later_goes_to_the_end_of_the_table(postgres_url: str, table: str, who: str) -> None:
    await asyncio.to_thread(generate, postgres_url, History(MESSAGES))
    engines = open_engines(postgres_url, application_name="imcore-test")
    async with SqlAlchemyMessageStore(engines) as store:
        _, last = await _pages(engines, table)
        for number in range(40):
            await send(store, f"new{number}", text="What would you say to a walk along the river this afternoon? " * 3)
        first, _ = await _pages(engines, f"{table} WHERE {who} LIKE 'new%'")
        assert first >= last


async def test_an_interrupted_generation_goes_on_to_the_same_history(url: str, sqlite_url: str) -> None:
    whole_url = f"{sqlite_url}.whole"
    with pytest.raises(_InterruptedError):
        await asyncio.to_thread(generate, url, _Interrupted(MESSAGES, chunk_turns=500))
    await asyncio.to_thread(generate, url, History(MESSAGES, chunk_turns=500))
    await asyncio.to_thread(generate, whole_url, History(MESSAGES, chunk_turns=500))
    async with (
        SqlAlchemyMessageStore(open_engines(url, application_name="imcore-test")) as resumed,
        SqlAlchemyMessageStore(open_engines(whole_url, application_name="imcore-test")) as whole,
    ):
        assert await _all_messages(resumed, LONG_SESSION) == await _all_messages(whole, LONG_SESSION)
        assert await resumed.sessions(LONG_SESSION, limit=5) == await whole.sessions(LONG_SESSION, limit=5)
        assert await resumed.audit(older_than_s=0) == await whole.audit(older_than_s=0)


async def _pages(engines: Engines, rows: str) -> tuple[int, int]:
    """The first and the last page that holds one of the rows."""
    page = "(ctid::text::point)[0]::int"
    async with engines.read.connect() as connection:
        found = (await connection.execute(text(f"SELECT min({page}), max({page}) FROM {rows}"))).one()  # noqa: S608  (words of ours)
        return found[0], found[1]


def _differences(connection: Connection) -> Sequence[object]:
    return compare_metadata(MigrationContext.configure(connection), metadata)


class _InterruptedError(Exception):
    pass


class _Interrupted(History):
    def chunk(self, number: int) -> Iterator[Turn]:
        if number == 2:
            raise _InterruptedError
        return super().chunk(number)
