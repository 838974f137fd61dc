"""What plain steps read of a PostgreSQL that has grown under their plans, and what they need of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text

from adapters.sql.connection import Connection
from adapters.sql.engine import AVOIDED_WAYS, Engines, open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from imcore.chat_record import ReplyStatus
from imcore.errors import StoreUnavailableError
from tests.contracts.message_stores import LONG_S, a_send, answer, claim, outcome, send

TABLES = ("sessions", "messages", "ai_chat_records")

GROW = """
INSERT INTO sessions
SELECT format('user%s:%s', n % 200, n / 200), 'user' || n % 200, 5, now(), now() FROM generate_series(0, 1999) AS n;
INSERT INTO sessions SELECT 'sessions:' || n, 'sessions', 5, now(), now() FROM generate_series(1, 2000) AS n;
INSERT INTO sessions VALUES ('long', 'long', 10000, now(), now());

INSERT INTO messages (message_id, session_id, seq, from_user_id, msg_type, msg_content, created_at, updated_at)
SELECT
    'long' || n, 'long', n, CASE n % 2 WHEN 1 THEN 'long' ELSE 'im:ai' END, CASE n % 2 WHEN 1 THEN 'TEXT' ELSE 'AI_REPLY' END,
    'hi', now(), now()
FROM generate_series(1, 10000) AS n;
INSERT INTO ai_chat_records (
    record_id, session_id, user_id, user_message_id, user_seq, ai_message_id, status,
    attempt, attempt_limit, cancel_requested, created_at, updated_at
)
SELECT 'long' || n, 'long', 'long', 'long' || n, n, 'long' || n + 1, 1, 1, 3, false, now(), now() FROM generate_series(1, 9999, 2) AS n;

INSERT INTO messages (message_id, session_id, seq, from_user_id, msg_type, msg_content, created_at, updated_at)
SELECT 'open' || n, format('user%s:%s', n % 200, n / 200 % 10), n / 2000 + 1, 'user' || n % 200, 'TEXT', 'hi', now(), now()
FROM generate_series(0, 9999) AS n;
INSERT INTO ai_chat_records (
    record_id, session_id, user_id, user_message_id, user_seq, status, attempt, attempt_limit, cancel_requested, lease_expires_at,
    created_at, updated_at
)
SELECT
    message_id, session_id, from_user_id, message_id, seq, 0, 1, 3, false, CASE seq WHEN 1 THEN now() + interval '1 h' END,
    created_at, updated_at
FROM messages WHERE message_id LIKE 'open%';
"""
"""10,000 open records, half of them running; a session of 10,000 messages; a user with 2,000 sessions."""

GROW_A_LITTLE = """
INSERT INTO ai_chat_records (
    record_id, session_id, user_id, user_message_id, user_seq, status, ai_message_id,
    attempt, attempt_limit, cancel_requested, created_at, updated_at
)
SELECT
    gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, n % 2, CASE n % 2 WHEN 1 THEN gen_random_uuid() END,
    1, 3, false, now(), now()
FROM generate_series(1, 50) AS n;
"""
"""50 records of as many sessions, half of them open."""

FEW_ROWS = 40
"""More than a message needs in a session of its own, from its sending to the end of its reply."""

FEW_PAGES = 25
"""A look takes two or three; the long session has twenty of its own."""

MANY_ROWS = 250
"""More than any step needs: a conversation of 20 lines, its records, and a user's ten sessions with their five open records each."""


def psql(migrated_url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(params=["never seen", "seen empty", "seen grown"])
def statistics(migrated_url: str, request: pytest.FixtureRequest) -> str:
    """What PostgreSQL knows of the tables; it is not to learn more."""
    for table in TABLES:
        psql(migrated_url, f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    if request.param == "seen empty":
        psql(migrated_url, f"VACUUM ANALYZE {', '.join(TABLES)}")
    known: str = request.param
    return known


@pytest.fixture(params=["with our settings", "behind a pooler"])
def engines(migrated_url: str, request: pytest.FixtureRequest) -> Engines:
    """A pooler in transaction mode gives the transactions of one session to connections that know nothing of its settings."""
    opened = open_engines(migrated_url, application_name="imcore-test")
    if request.param == "behind a pooler":
        event.listen(opened.write.sync_engine, "connect", lose_settings)
    return opened


def lose_settings(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for way in (*AVOIDED_WAYS, "jit"):
        cursor.execute(f"RESET {way}")
    cursor.close()
    connection.commit()


@pytest.fixture
async def grown(engines: Engines, migrated_url: str, statistics: str) -> AsyncIterator[SqlAlchemyMessageStore]:
    """A store that has planned its steps over an empty database, which then grew."""
    async with SqlAlchemyMessageStore(engines) as store:
        for number in range(12):
            await store.add(*a_send(f"early{number}"), max_pending=20)
            await answer(store, f"early{number}")
        psql(migrated_url, GROW)
        if statistics == "seen grown":
            psql(migrated_url, f"ANALYZE {', '.join(TABLES)}")
        yield store


async def rows_read(store: SqlAlchemyMessageStore, migrated_url: str, step: Awaitable[object]) -> int:
    """By index and by scan, over all tables."""
    return await counted(
        store,
        migrated_url,
        step,
        "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)",
    )


async def pages_read(store: SqlAlchemyMessageStore, migrated_url: str, step: Awaitable[object]) -> int:
    """Of records' index by session."""
    return await counted(
        store,
        migrated_url,
        step,
        """
        SELECT idx_blks_hit + idx_blks_read FROM pg_statio_user_indexes
        WHERE indexrelname = 'ix_ai_chat_records_session_id_status_user_seq'
        """,
    )


async def counted(store: SqlAlchemyMessageStore, migrated_url: str, step: Awaitable[object], statistic: str) -> int:
    """By how much `step` raises the statistic."""

    async def flush(connection: Connection) -> None:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))

    before = psql(migrated_url, statistic)[0][0]
    await step
    await store._database.write_at_once(flush)
    return int(psql(migrated_url, statistic)[0][0] - before)


async def test_no_step_reads_more_than_its_own_session_and_user_have(grown: SqlAlchemyMessageStore, migrated_url: str) -> None:
    await rows_read(grown, migrated_url, send(grown, "counted from here on"))
    read = {"a send": await rows_read(grown, migrated_url, grown.add(*a_send("long"), max_pending=20))}
    read["a send of one with open replies"] = await rows_read(grown, migrated_url, grown.add(*a_send("user7"), max_pending=99))
    read["ten sends"] = await rows_read(grown, migrated_url, asyncio.gather(*(send(grown, f"new{number}") for number in range(10))))
    claimed = asyncio.ensure_future(claim(grown, "long"))
    read["a claim"] = await rows_read(grown, migrated_url, claimed)
    read["a claim of what runs"] = await rows_read(grown, migrated_url, grown.claim("user7:1", lease_s=LONG_S))
    read["an end"] = await rows_read(grown, migrated_url, grown.finish(outcome(claimed.result())))
    await send(grown, "long")
    lease = await claim(grown, "long")
    read["an end without a message"] = await rows_read(grown, migrated_url, grown.finish(outcome(lease, ReplyStatus.FAILED, text="")))
    assert all(read.values())
    assert {step: rows for step, rows in read.items() if rows > MANY_ROWS} == {}


async def test_no_step_reads_what_others_have_while_the_tables_begin_to_grow(engines: Engines, migrated_url: str, statistics: str) -> None:
    """PostgreSQL plans anew when an index grows by a level, and the indexes of one table do so at different sizes."""
    read: dict[int, int] = {}
    async with SqlAlchemyMessageStore(engines) as store:
        await send(store, "counted from here on")
        for size in range(50, 1001, 50):
            psql(migrated_url, GROW_A_LITTLE)
            if statistics == "seen grown":
                psql(migrated_url, f"ANALYZE {', '.join(TABLES)}")
            read[size] = await rows_read(store, migrated_url, _exchange(store, f"alice{size}"))
    assert {size: rows for size, rows in read.items() if rows > FEW_ROWS} == {}


async def test_an_exchange_in_a_long_session_reads_few_pages_of_the_index_of_its_records(
    grown: SqlAlchemyMessageStore, migrated_url: str
) -> None:
    """What an index passes over is not counted among the rows read."""
    await pages_read(grown, migrated_url, _exchange(grown, "counted from here on"))
    assert await pages_read(grown, migrated_url, _exchange(grown, "long")) <= FEW_PAGES


async def _exchange(store: SqlAlchemyMessageStore, user_id: str) -> None:
    await store.add(*a_send(user_id), max_pending=20)
    await answer(store, user_id)


async def test_a_send_without_a_limit_does_not_read_its_users_other_sessions(grown: SqlAlchemyMessageStore, migrated_url: str) -> None:
    await rows_read(grown, migrated_url, send(grown, "counted from here on"))
    assert await rows_read(grown, migrated_url, send(grown, "sessions", session_id="sessions:2000")) <= MANY_ROWS


async def test_sends_of_one_user_at_once_read_their_sessions_once_for_the_limit(grown: SqlAlchemyMessageStore, migrated_url: str) -> None:
    await rows_read(grown, migrated_url, send(grown, "counted from here on"))
    sends = (grown.add(*a_send("sessions", session_id="sessions:1"), max_pending=20) for _ in range(10))
    assert await rows_read(grown, migrated_url, asyncio.gather(*sends)) <= 2000 + MANY_ROWS


# what they need


@pytest.fixture
def writer_role(migrated_url: str) -> Iterator[str]:
    """A role that owns nothing and may read and write the tables."""
    name = psql(migrated_url, "SELECT 'im_writer_' || replace(gen_random_uuid()::text, '-', '')")[0][0]
    psql(
        migrated_url,
        f"""
        CREATE ROLE {name};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name};
        """,
    )
    yield name
    psql(migrated_url, f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_a_role_that_may_only_read_and_write_the_tables_can_do_all_steps(migrated_url: str, writer_role: str) -> None:
    engines = open_engines(f"{migrated_url}?options=-crole%3D{writer_role}", application_name="imcore-test")
    async with SqlAlchemyMessageStore(engines) as store:
        for _ in range(2):
            await store.add(*a_send(), max_pending=20)
            await answer(store)


async def test_a_role_that_may_only_read_is_given_no_more_by_the_functions(migrated_url: str, writer_role: str) -> None:
    psql(migrated_url, f"REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA public FROM {writer_role}")
    engines = open_engines(f"{migrated_url}?options=-crole%3D{writer_role}", application_name="imcore-test")
    async with SqlAlchemyMessageStore(engines) as store:
        with pytest.raises(Exception, match="permission denied") as refused:
            await send(store)
    assert not isinstance(refused.value, StoreUnavailableError)


async def test_all_steps_work_in_another_schema_beside_tables_of_the_same_names(migrated_url: str) -> None:
    psql(migrated_url, "CREATE SCHEMA chat")
    elsewhere = f"{migrated_url}?options=-csearch_path%3Dchat"
    await asyncio.to_thread(migrate, elsewhere)
    async with SqlAlchemyMessageStore(open_engines(elsewhere, application_name="imcore-test")) as store:
        for _ in range(2):
            await send(store)
            await answer(store)
    assert psql(migrated_url, "SELECT (SELECT count(*) FROM public.messages), (SELECT count(*) FROM chat.messages)") == [(0, 4)]


async def test_texts_of_megabytes_come_back_as_they_were(migrated_url: str) -> None:
    long = "\\\"'漢🎉 " * 500_000
    async with SqlAlchemyMessageStore(open_engines(migrated_url, application_name="imcore-test")) as store:
        await send(store, text=long)
        assert (await answer(store, text=long)).msg_content == long
        await send(store)
        claimed = await store.claim("alice", lease_s=LONG_S)
        assert claimed is not None
        assert [line.msg_content for line in claimed.window] == [long, long, "hello"]
