"""Conversations as PostgreSQL gives them with a claim: the quick way against the thorough one, and what may come between the two."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import Column, Double, Integer, Text, event, func, select

from adapters.sql import message_store, plain_steps
from adapters.sql.columns import UtcDateTime
from adapters.sql.connection import Connection
from adapters.sql.database_functions import TEXTS, calling
from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from adapters.sql.schema import messages, records
from adapters.sql.windows import Window, read_all, read_one
from imcore.chat_record import ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.errors import StoreUnavailableError
from imcore.message import Message, MessageType
from imcore.ports import Claimed
from imcore.prompt import MAX_WINDOW_MESSAGES
from tests.contracts.message_stores import LONG_S, a_send, answer, claim_reply, lease_of, outcome, send
from tests.integration.test_sql_plain_plans import GROW, MANY_ROWS, TABLES, lose_settings, psql, rows_read

LIMITS = (1, 2, 3, 5, 8, 13, 20, 50, 200)


async def live(store: SqlAlchemyMessageStore, user: str, chance: random.Random, turns: int) -> None:
    """A session of bursts, failures, cancellations, interruptions, merged replies, retries, and some that run or wait for ever."""
    number = 0
    for _ in range(turns):
        for _ in range(chance.choice((1, 1, 1, 1, 2, 5, 12))):
            number += 1
            how = chance.choice((DoubleTexting.QUEUE,) * 8 + (DoubleTexting.INTERRUPT,))
            await store.add(*a_send(user, text=f"{user} m{number}"), double_texting=how)
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            limit = chance.choice(LIMITS)
            claimed = await store.claim(user, lease_s=LONG_S, history_messages=limit, merge=chance.random() < 0.3)
            if claimed is None:
                break
            newest, shares = claimed.group[-1], len(claimed.group) > 1
            window = Window(user, newest.user_seq, MAX_WINDOW_MESSAGES if shares else limit)
            assert list(claimed.window) == await alone(store, window)
            lease = lease_of(claimed.record)
            match chance.randrange(10):
                case 0:
                    await store.release(lease)
                case 1:
                    await store.finish(outcome(lease, ReplyStatus.FAILED, text="broke off"))
                case 2:
                    await store.cancel(user, claimed.record.record_id)
                    await store.finish(outcome(lease, ReplyStatus.CANCELLED, text=chance.choice(("", f"half {number}"))))
                case _:
                    await store.finish(outcome(lease, text=f"{user} r{number}"))
        page = (await store.records(user, limit=200)).items
        if chance.random() < 0.3:
            await store.cancel(user, chance.choice(page).record_id)
        again = [one for one in page if one.status in {ReplyStatus.FAILED, ReplyStatus.CANCELLED}]
        if again and chance.random() < 0.5:
            await store.retry(user, chance.choice(again).record_id)


async def alone(store: SqlAlchemyMessageStore, window: Window) -> list[Message]:
    """By the query that takes any distance between a question and its answer."""

    async def work(connection: Connection) -> list[Message]:
        return await read_one(connection, window)

    return await store._database.write_at_once(work)


async def together(store: SqlAlchemyMessageStore, wanted: list[Window]) -> list[list[Message]]:
    async def work(connection: Connection) -> list[list[Message]]:
        return await read_all(connection, wanted)

    return await store._database.write_at_once(work)


@pytest.mark.parametrize("seed", range(2))
async def test_every_window_of_any_history_is_the_same_out_of_a_stretch_as_by_a_query_of_its_own(
    store: SqlAlchemyMessageStore, seed: int
) -> None:
    users = ("a", "a.b", "aa", "A", "x" * 48)
    await asyncio.gather(*(live(store, user, random.Random(seed * 100 + place), 14) for place, user in enumerate(users)))
    wanted = await all_windows(store, random.Random(seed))
    assert len(wanted) > 100
    expected = [await alone(store, window) for window in wanted]
    assert await together(store, wanted) == expected
    assert [(await together(store, [window]))[0] for window in wanted] == expected


async def all_windows(store: SqlAlchemyMessageStore, chance: random.Random) -> list[Window]:
    """One for each message of a user, in any order."""

    async def work(connection: Connection) -> list[Window]:
        rows = await connection.execute(select(messages.c.session_id, messages.c.seq).where(messages.c.msg_type == MessageType.TEXT))
        return [Window(session_id, seq, chance.choice(LIMITS)) for session_id, seq in rows]

    found = await store._database.write_at_once(work)
    chance.shuffle(found)
    return found


@pytest.mark.parametrize(("factor", "more"), [(1, 1 << 40), (1, 1 << 61), (7, 0), (1000, 5)])
async def test_numbers_that_are_large_or_have_gaps_change_no_window(
    store: SqlAlchemyMessageStore, migrated_url: str, factor: int, more: int
) -> None:
    await live(store, "a", random.Random(7), 12)
    before = {(window.user_seq, window.limit): await alone(store, window) for window in await all_windows(store, random.Random(1))}
    changes = (("messages", "seq", "-"), ("ai_chat_records", "user_seq", ""), ("sessions", "last_seq", ""))
    for table, number, sign in changes:
        psql(migrated_url, f"UPDATE {table} SET {number} = {sign}({number} * {factor} + {more})")  # noqa: S608  # of the constants above
    psql(migrated_url, "UPDATE messages SET seq = -seq")  # on the way no number is taken twice
    wanted = [Window("a", seq * factor + more, limit) for seq, limit in before]
    found = [[line.msg_content for line in lines] for lines in await together(store, wanted)]
    assert found == [[line.msg_content for line in lines] for lines in before.values()]
    await send(store, "a", text="last")
    while claimed := await store.claim("a", lease_s=LONG_S):
        assert list(claimed.window) == await alone(store, Window("a", claimed.record.user_seq, 20))
        await store.finish(outcome(lease_of(claimed.record)))


async def test_sessions_whose_ids_need_quoting_bring_their_own_lines(store: SqlAlchemyMessageStore) -> None:
    """None of them has an id that the API accepts."""
    ids = ['"', "\\", '\\"', ",", "{}", "{a,b}", "a,b", "a", "b", "NULL", "null", " ", "'", "%s", "é漢👍", "\n", "a ", " a"]
    for place, session_id in enumerate(ids):
        for turn in range(2):
            await send(store, f"user{place}", session_id=session_id, text=f"{place} m{turn}")
        claimed = await claim_reply(store, session_id)
        await store.finish(outcome(lease_of(claimed.record), text=f"{place} r0"))
    claims = await asyncio.gather(*(claim_reply(store, session_id) for session_id in ids))
    told = [[line.msg_content for line in claimed.window] for claimed in claims]
    assert told == [[f"{place} m0", f"{place} r0", f"{place} m1"] for place in range(len(ids))]
    assert [one.window[0].session_id for one in claims] == ids


async def test_every_character_that_json_escapes_comes_back_as_it_was(store: SqlAlchemyMessageStore) -> None:
    text = "".join(map(chr, range(1, 0x300))) + "\\u0000 \\ud83d \\\\u0000 \\x00 \u2028\u2029\ufeff\ufffe\uffff\U0010ffff" + "\\" * 7
    for _ in range(2):
        await send(store, text=text)
        await store.finish(outcome(lease_of((await claim_reply(store)).record), text=text))
    await send(store, text=text)
    assert [line.msg_content for line in (await claim_reply(store)).window] == [text] * 5


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"])
async def test_times_are_the_same_whatever_the_database_would_write_them_in(migrated_url: str, zone: str) -> None:
    name = migrated_url.rpartition("/")[2]
    for setting in (f"timezone = '{zone}'", "IntervalStyle = 'sql_standard'", "extra_float_digits = -10", "lc_time = 'C'"):
        psql(migrated_url, f"ALTER DATABASE {name} SET {setting}")
    async with SqlAlchemyMessageStore(open_engines(migrated_url, application_name="imcore-test")) as store:
        for _ in range(3):
            await send(store)
            await store.finish(outcome(lease_of((await claim_reply(store)).record)))
        await send(store)
        claimed = await claim_reply(store)
        assert list(claimed.window) == await store.messages("alice", "alice", limit=20)
        assert {line.created_at.tzinfo for line in claimed.window} == {UTC}
        assert list(claimed.window) == await alone(store, Window("alice", claimed.record.user_seq, 20))


async def test_claims_beside_sends_and_ends_bring_all_that_was_said_before(migrated_url: str) -> None:
    """Two processes write, one sends; nothing is cancelled, so what leads to a message never changes any more."""
    one, other, third = (SqlAlchemyMessageStore(open_engines(migrated_url, application_name="imcore-test")) for _ in range(3))
    users = [f"user{number}" for number in range(8)]
    brought: dict[str, list[list[str]]] = {user: [] for user in users}

    async def talk(user: str) -> None:
        chance = random.Random(user)
        for number in range(25):
            await asyncio.gather(*(send(third, user, text=f"{user} m{number}.{n}") for n in range(chance.choice((1, 1, 3)))))

    async def write(store: SqlAlchemyMessageStore, user: str, talks: asyncio.Task[None]) -> None:
        while True:
            ended = talks.done()
            claimed = await store.claim(user, lease_s=LONG_S, history_messages=6)
            if claimed is not None:
                brought[user].append([line.message_id for line in claimed.window])
                await store.finish(outcome(lease_of(claimed.record), text=f"to {claimed.record.user_seq}"))
            elif ended and not await store.open_records(user, user):
                return

    async with one, other, third:
        talks = {user: asyncio.create_task(talk(user)) for user in users}
        await asyncio.gather(*(write(store, user, talks[user]) for user in users for store in (one, other)))
        for user in users:
            last = (await send(one, user)).message.seq
            lines = [line.message_id for line in await alone(one, Window(user, last, 1000))]
            assert brought[user] == [lines[max(0, end - 6) : end] for end in range(1, len(lines), 2)]


# processes of the release before

_OLD_CLAIM = calling(
    "claim_replies",
    [*(Column(name, records.c[name].type) for name in (*plain_steps._NAMES, *plain_steps._STATE)), Column("conversation", Text)],
    session_ids=TEXTS,
    lease_s=(Double, Double),
    questions=(Integer, Integer),
    not_after=(UtcDateTime, UtcDateTime),
)


async def old_claim(store: SqlAlchemyMessageStore, *session_ids: str) -> dict[str, list[str]]:
    """As the release before claims: by session the questions' ids, newest first."""
    given = {"session_ids": session_ids, "lease_s": LONG_S, "questions": 20, "not_after": datetime.now(UTC) + timedelta(hours=1)}

    async def work(connection: Connection) -> dict[str, list[str]]:
        rows = await connection.execute(_OLD_CLAIM, given)
        return {row[1]: [pair[0] for pair in orjson.loads(row[-1])] for row in rows if row[0] is not None}

    return await store._database.write_at_once(work)


async def test_a_process_of_the_release_before_claims_beside_one_of_this(store: SqlAlchemyMessageStore) -> None:
    sent = {user: await send(store, user) for user in ("old", "new", "both")}
    assert await old_claim(store, "old") == {"old": [sent["old"].message.message_id]}
    assert await store.claim("old", lease_s=LONG_S) is None
    assert list((await claim_reply(store, "new")).window) == [sent["new"].message]
    assert await old_claim(store, "new") == {}
    for _ in range(10):
        old, new = await asyncio.gather(old_claim(store, "both"), store.claim("both", lease_s=LONG_S))
        assert bool(old) is (new is None)
        open_one = (await store.open_records("both", "both"))[0]
        await store.finish(outcome(lease_of(open_one)))
        await send(store, "both")


async def test_the_way_down_leaves_the_release_before_its_claim_and_the_way_up_brings_ours_back(migrated_url: str) -> None:
    async with SqlAlchemyMessageStore(open_engines(migrated_url, application_name="imcore-test")) as store:
        await send(store, "a")
        await send(store, "b")
        await asyncio.to_thread(migrate, migrated_url, "0006")
        assert set(await old_claim(store, "a")) == {"a"}
        await asyncio.to_thread(migrate, migrated_url)
        assert len((await claim_reply(store, "b")).window) == 1
        assert set(await old_claim(store, "a", "b")) == set()
    await asyncio.to_thread(migrate, migrated_url, "base")
    await asyncio.to_thread(migrate, migrated_url)


# a conversation that takes a second query

Failure = Callable[[Connection, str], Awaitable[None]]


async def connection_is_cut(connection: Connection, migrated_url: str) -> None:
    backend = (await connection.execute(select(func.pg_backend_pid())))[0][0]
    await asyncio.to_thread(psql, migrated_url, f"SELECT pg_terminate_backend({backend}, 10000)")


async def statement_is_cancelled(connection: Connection, migrated_url: str) -> None:  # noqa: ARG001  (as the other)
    await connection.execute(select(func.set_config("statement_timeout", "1", False)))
    try:
        await connection.execute(select(func.pg_sleep(60)))
    finally:
        await connection.execute(select(func.set_config("statement_timeout", "0", False)))


def failing_once(monkeypatch: pytest.MonkeyPatch, migrated_url: str, failure: Failure) -> None:
    """The next conversation that takes a second query does not get it."""
    failed: list[Window] = []

    async def failing(connection: Connection, window: Window) -> list[Message]:
        if not failed:
            failed.append(window)
            await failure(connection, migrated_url)
        return await read_one(connection, window)

    monkeypatch.setattr(message_store, "read_one", failing)


async def far_apart(store: SqlAlchemyMessageStore, user: str) -> None:
    """A session whose answers lie far from their questions."""
    for number in range(40):
        await send(store, user, text=f"m{number}")
    for _ in range(5):
        await store.finish(outcome(lease_of((await claim_reply(store, user)).record)))


@pytest.mark.parametrize("failure", [connection_is_cut, statement_is_cancelled], ids=["cut off", "cancelled"])
async def test_a_claim_whose_second_query_fails_is_made_again_or_handed_back_at_once(
    store: SqlAlchemyMessageStore, migrated_url: str, monkeypatch: pytest.MonkeyPatch, failure: Failure
) -> None:
    await far_apart(store, "far")
    failing_once(monkeypatch, migrated_url, failure)
    try:
        claimed = await claim_reply(store, "far", history_messages=5)
    except StoreUnavailableError:
        claimed = await claim_reply(store, "far", history_messages=5)
        assert claimed.record.attempt == 2
    assert list(claimed.window) == await alone(store, Window("far", claimed.record.user_seq, 5))


@pytest.mark.parametrize("failure", [connection_is_cut, statement_is_cancelled], ids=["cut off", "cancelled"])
async def test_a_second_query_that_fails_strands_no_claim_beside_its_own(
    store: SqlAlchemyMessageStore, migrated_url: str, monkeypatch: pytest.MonkeyPatch, failure: Failure
) -> None:
    users = [f"user{number}" for number in range(9)]
    await asyncio.gather(*(send(store, user) for user in users))
    await far_apart(store, "far")
    failing_once(monkeypatch, migrated_url, failure)
    wanted = (store.claim(user, lease_s=LONG_S, history_messages=5) for user in (*users, "far"))
    claims = await asyncio.gather(*wanted, return_exceptions=True)
    leased = {user for user in users for record in await store.open_records(user, user) if record.lease_expires_at is not None}
    held = {user for user, claimed in zip(users, claims, strict=False) if isinstance(claimed, Claimed)}
    assert leased == held


# how it is planned


@pytest.mark.parametrize("known", ["nothing", "empty tables", "few rows", "all rows"])
@pytest.mark.parametrize("way", ["a stretch", "a query of its own"])
@pytest.mark.parametrize("before", ["planned small", "planned grown"])
async def test_a_conversation_costs_the_same_everywhere_also_behind_a_pooler(migrated_url: str, known: str, way: str, before: str) -> None:
    engines = open_engines(migrated_url, application_name="imcore-test")
    event.listen(engines.write.sync_engine, "connect", lose_settings)
    for table in TABLES:
        psql(migrated_url, f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    window = Window("long", 9001, 20)
    async with SqlAlchemyMessageStore(engines) as store:
        read = (lambda: together(store, [window])) if way == "a stretch" else (lambda: alone(store, window))
        if known == "empty tables":
            psql(migrated_url, f"VACUUM ANALYZE {', '.join(TABLES)}")
        for number in range(16):
            await send(store, f"early{number}")
            await answer(store, f"early{number}")
            if before == "planned small":
                await read()
            if known == "few rows" and number == 4:
                psql(migrated_url, f"VACUUM ANALYZE {', '.join(TABLES)}")
        psql(migrated_url, GROW)
        if known == "all rows":
            psql(migrated_url, f"ANALYZE {', '.join(TABLES)}")
        await rows_read(store, migrated_url, send(store, "counted from here on"))
        assert await rows_read(store, migrated_url, read()) <= MANY_ROWS
