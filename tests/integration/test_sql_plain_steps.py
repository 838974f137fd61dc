"""The plain way of a send, a claim and an end on PostgreSQL: what goes it, what is left to the thorough one, and what comes late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Executable, func, select

from adapters.sql import plain_steps
from adapters.sql.claims import Claim
from adapters.sql.clock import HeardClock
from adapters.sql.connection import POSTGRESQL, Connection, Row, Values
from adapters.sql.group_commit import GroupCommit
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.plain_first import PlainFirst
from imcore.chat_record import Lease
from imcore.double_texting import DoubleTexting
from imcore.errors import ForbiddenError, IMError, LeaseLostError, MessageConflictError, RateLimitedError
from imcore.ids import new_id
from tests.contracts.message_stores import LONG_S, RUN_OUT_S, a_send, answer, claim, claim_reply, delete_message, lease_of, outcome, send

Plain = Callable[[Connection, Sequence[Any]], Awaitable[Mapping[int, Any]]]

A_DAY_AGO = datetime.now(UTC) - timedelta(days=1)


class Left:
    """A thorough way that keeps account of what it is given."""

    def __init__(self, way: GroupCommit[Any, Any]) -> None:
        self.items: list[Any] = []
        self._way = way

    async def submit(self, item: Any) -> Any:
        self.items.append(item)
        return await self._way.submit(item)

    async def close(self) -> None:
        await self._way.close()


def plain_first(step: object) -> Any:
    assert isinstance(step, PlainFirst)
    return step


def left_by(step: object) -> list[Any]:
    """What the step leaves to its thorough way from now on."""
    way = plain_first(step)
    way._thorough = Left(way._thorough)
    items: list[Any] = way._thorough.items
    return items


# which way


async def test_sends_claims_and_ends_of_many_users_at_once_go_the_plain_way(store: SqlAlchemyMessageStore) -> None:
    left = [left_by(step) for step in (store._sends, store._claims, store._ends)]
    users = [f"user{number}" for number in range(60)]
    for _ in range(2):
        await asyncio.gather(*(store.add(*a_send(user), max_pending=20) for user in users))
        leases = await asyncio.gather(*(claim(store, user) for user in users))
        assert await asyncio.gather(*(store.claim(user, lease_s=LONG_S) for user in [*users, "nobody"])) == [None] * 61
        ended = await asyncio.gather(*(store.finish(outcome(lease)) for lease in leases))
        assert not any(finished.session_waits for finished in ended)
    assert left == [[], [], []]


async def test_sends_of_one_user_in_one_batch_are_numbered_and_listed_in_their_order(store: SqlAlchemyMessageStore) -> None:
    left = left_by(store._sends)
    names = ["alice:b", "alice", "alice:a"]
    sent = await asyncio.gather(*(send(store, session_id=names[number % 3], text=str(number)) for number in range(60)))
    assert left == []
    for name in names:
        of_session = [stored.message for stored in sent if stored.message.session_id == name]
        assert [message.seq for message in of_session] == list(range(1, 21))
        assert await store.messages("alice", name, limit=60) == of_session
    assert [stored.record.user_seq for stored in sent] == [stored.message.seq for stored in sent]
    newest_first = (await store.records("alice", limit=60)).items
    assert [record.user_message_id for record in newest_first[::-1]] == [stored.message.message_id for stored in sent]
    changed = await store.changed_since("alice", A_DAY_AGO, limit=60)
    assert [record.user_message_id for record in changed] == [stored.message.message_id for stored in sent]


@pytest.mark.parametrize(
    ("max_pending", "allowed"),
    [((2, None), (True, True)), ((None, 2), (True, False)), ((2, 2), (True, False)), ((1, 2), (False, True))],
)
async def test_a_user_has_as_many_open_replies_as_are_allowed_also_within_a_batch(
    store: SqlAlchemyMessageStore, max_pending: tuple[int | None, ...], allowed: tuple[bool, ...]
) -> None:
    await send(store, session_id="alice:other")
    alices = [store.add(*a_send(), max_pending=most) for most in max_pending]
    others = [store.add(*a_send("bob"), max_pending=1), store.add(*a_send("eve"), max_pending=0)]
    answers = await asyncio.gather(*alices, *others, return_exceptions=True)
    assert tuple(not isinstance(one, RateLimitedError) for one in answers) == (*allowed, True, False)


async def test_a_send_that_is_not_plain_costs_its_neighbours_nothing_but_time(store: SqlAlchemyMessageStore) -> None:
    message, record = a_send()
    await store.add(message, record)
    left = left_by(store._sends)
    bad = replace(message, message_id="x" * 65)
    answers = await asyncio.gather(
        store.add(message, record),
        store.add(replace(message, session_id="alice:new"), record),
        store.add(*a_send("bob", session_id="alice")),
        store.add(*a_send("eve"), double_texting=DoubleTexting.REJECT),
        store.add(bad, replace(record, record_id=new_id(), user_message_id=bad.message_id)),
        *(send(store, f"user{number}") for number in range(10)),
        return_exceptions=True,
    )
    kinds = [type(one) if isinstance(one, IMError) else getattr(one, "duplicate", Exception) for one in answers]
    assert kinds == [True, MessageConflictError, ForbiddenError, False, Exception, *[False] * 10]
    assert len({send.message.message_id for send in left}) < 15


async def test_a_claim_of_what_was_begun_or_is_to_be_shared_goes_the_thorough_way(store: SqlAlchemyMessageStore) -> None:
    for user in ("run out", "merging", "merging", "shared", "shared", "twice"):
        await send(store, user)
    await claim(store, "run out", lease_s=RUN_OUT_S)
    await store.release(lease_of((await claim_reply(store, "shared", merge=True)).record))
    left = left_by(store._claims)
    wanted = [("run out", False), ("merging", True), ("shared", False), ("twice", False), ("twice", False)]
    claims = [store.claim(user, lease_s=LONG_S, merge=merge) for user, merge in wanted]
    assert [len(one.group) if one else 0 for one in await asyncio.gather(*claims)] == [1, 2, 2, 1, 0]
    assert [one.session_id for one in left] == ["run out", "merging", "shared", "twice"]


async def test_an_end_without_its_lease_or_of_several_records_goes_the_thorough_way(store: SqlAlchemyMessageStore) -> None:
    for user in ("plain", "lost", "again", "shared", "shared"):
        await send(store, user)
    leases = [lease_of((await claim_reply(store, user, merge=user == "shared")).record) for user in ("plain", "lost", "again", "shared")]
    await store.release(leases[1])
    before = await store.finish(outcome(leases[2]))
    left = left_by(store._ends)
    ends = await asyncio.gather(*(store.finish(outcome(lease)) for lease in leases), return_exceptions=True)
    assert [one.lease for one in left] == leases[1:]
    assert isinstance(ends[1], LeaseLostError)
    assert ends[2] == before
    assert (await store.audit(older_than_s=-60)).replies_without_record == 0


async def test_a_session_whose_message_is_lost_strands_no_claim_beside_its_own(store: SqlAlchemyMessageStore) -> None:
    users = [f"user{number}" for number in range(10)]
    sent = [await send(store, user) for user in users]
    await delete_message(store, sent[4].message.message_id)
    claims = await asyncio.gather(*(store.claim(user, lease_s=LONG_S) for user in users), return_exceptions=True)
    assert [user for user, one in zip(users, claims, strict=True) if one is None] == []


async def test_a_session_id_of_every_character_that_one_may_have_goes_the_plain_way(store: SqlAlchemyMessageStore) -> None:
    left = [left_by(step) for step in (store._sends, store._claims, store._ends)]
    for name in ("a.b_c@d|e-f:" + "".join(map(chr, range(48, 84))), "-:" + "".join(map(chr, range(84, 123))) + "|", "NULL", ".:@|:-:"):
        session_id = "".join(letter for letter in name if letter.isalnum() or letter in "._@|:-")[:48]
        await send(store, session_id.partition(":")[0], session_id=session_id)
        assert (await answer(store, session_id)).session_id == session_id
    assert left == [[], [], []]


# what is kept, and the answer lost


@pytest.mark.parametrize("step", ["send", "claim", "end"])
async def test_a_step_that_was_kept_and_then_cut_off_is_not_taken_twice(
    store: SqlAlchemyMessageStore, migrated_url: str, step: str
) -> None:
    if step == "send":
        cut_off_once(store, store._sends, plain_steps.add_messages, migrated_url)
    sent = await send(store)
    assert sent.duplicate is (step == "send")
    if step == "claim":
        cut_off_once(store, store._claims, plain_steps.ClaimReplies(within_s=60.0), migrated_url)
    assert (await store.claim("alice", lease_s=LONG_S) is None) is (step == "claim")
    if step == "end":
        cut_off_once(store, store._ends, plain_steps.finish_replies, migrated_url)
    reply = (await store.finish(outcome(Lease(sent.record.record_id, "alice", 1)))).message
    assert await store.messages("alice", "alice", limit=9) == [sent.message, reply]


def cut_off_once(store: SqlAlchemyMessageStore, step: object, plain: Plain, url: str) -> None:
    """Lose the first answer of the plain way: its connection is cut after the commit."""
    cuts: list[int] = []

    async def work(connection: Connection, items: Sequence[Any]) -> Mapping[int, Any]:
        answers = await plain(connection, items)
        if not cuts:
            cuts.append((await connection.execute(select(func.pg_backend_pid())))[0][0])
            await asyncio.to_thread(in_psql, url, f"SELECT pg_terminate_backend({cuts[0]}, 10000)")
            await connection.execute(select(func.pg_backend_pid()))
        return answers

    plain_first(step)._plain = lambda items: store._database.write_at_once(lambda connection: work(connection, items))


# a late claim


async def test_a_claim_that_comes_too_late_is_void_and_the_clock_is_heard_anew(store: SqlAlchemyMessageStore) -> None:
    await send(store)
    late = plain_steps.ClaimReplies(within_s=-1.0)
    assert await store._database.write_at_once(lambda connection: late(connection, [Claim("alice", LONG_S, 20)])) == {}
    assert late._clock._heard is None
    assert (await claim(store)).attempt == 1


async def test_a_claim_that_a_wrong_clock_takes_for_late_is_made_all_the_same(store: SqlAlchemyMessageStore) -> None:
    claims = plain_steps.ClaimReplies(within_s=5.0)
    claims._clock.hear(A_DAY_AGO)
    plain_first(store._claims)._plain = lambda items: store._database.write_at_once(lambda connection: claims(connection, items))
    left = left_by(store._claims)
    for _ in range(2):
        await send(store)
        await answer(store)
    assert len(left) == 1


@pytest.mark.parametrize("lease_s", [0.0, 0.0004, 0.0015, 2.5, 30.0, 1e9])
async def test_a_lease_lasts_as_long_as_was_asked_from_a_moment_of_the_claim(store: SqlAlchemyMessageStore, lease_s: float) -> None:
    stored = await send(store)
    record = (await claim_reply(store, lease_s=lease_s)).record
    assert record == await store.record("alice", record.record_id)
    assert record.lease_expires_at is not None
    begun = record.lease_expires_at - timedelta(seconds=lease_s)
    assert stored.record.updated_at <= begun <= stored.record.updated_at + timedelta(seconds=20)


class Clock(Connection):
    """A database that is only asked for the time, and counts how often."""

    dialect = POSTGRESQL

    def __init__(self) -> None:
        self.asked = 0

    async def execute(self, statement: Executable, values: Values | Sequence[Values] | None = None) -> Sequence[Row]:  # noqa: ARG002  (the port's)
        self.asked += 1
        return [(A_DAY_AGO,)]

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...


async def test_a_clock_is_asked_once_and_then_carried_on_until_it_is_forgotten() -> None:
    clock, database = HeardClock(), Clock()
    first, second = await clock.now(database), await clock.now(database)
    assert A_DAY_AGO - timedelta(seconds=1) < first <= second
    clock.hear(A_DAY_AGO + timedelta(days=9))
    assert await clock.now(database) >= A_DAY_AGO + timedelta(days=9)
    assert database.asked == 1
    clock.forget()
    assert await clock.now(database) < A_DAY_AGO + timedelta(days=9)
    assert database.asked == 2


def in_psql(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
