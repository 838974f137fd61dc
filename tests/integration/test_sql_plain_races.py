"""Races of plain steps on PostgreSQL, in an order that the test decides: it holds a lock until those that are to wait for it do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import pytest

from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from imcore.chat_record import ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.errors import ForbiddenError, LeaseLostError, RateLimitedError, ReplyInProgressError
from imcore.ports import Claimed, Finished
from tests.contracts.message_stores import LONG_S, a_send, claim, lease_of, outcome, send
from tests.polling import eventually

T = TypeVar("T")
MODES = pytest.mark.parametrize(
    "modes", [(False, False), (False, True), (True, False)], ids=["plain, plain", "plain, merging", "merging, plain"]
)
Psql = psycopg.Connection[tuple[Any, ...]]

LOCK = b"SELECT FROM sessions WHERE session_id = %s FOR UPDATE"
LOCK_RECORD = b"SELECT FROM ai_chat_records WHERE record_id = %s FOR UPDATE"
MAKE = b"INSERT INTO sessions VALUES ('alice', %s, 1, now(), now())"
SAY = b"""
WITH said AS (
    INSERT INTO messages (message_id, session_id, seq, from_user_id, msg_type, msg_content, created_at, updated_at)
    VALUES ('first', 'alice', 1, 'alice', 'TEXT', 'first', now(), now())
)
INSERT INTO ai_chat_records (
    record_id, session_id, user_id, user_message_id, user_seq, status, attempt, attempt_limit, cancel_requested, created_at, updated_at
) VALUES ('first', 'alice', 'alice', 'first', 1, 0, 0, 3, false, now(), now())
"""


@pytest.fixture(params=["read committed", "repeatable read"])
async def url(postgres_url: str, request: pytest.FixtureRequest) -> str:
    """Of a server that has this isolation for whoever asks for none."""
    await asyncio.to_thread(migrate, postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name, isolation = connection.info.dbname, request.param
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'".encode())
    return postgres_url


@pytest.fixture
async def stores(url: str) -> AsyncIterator[tuple[SqlAlchemyMessageStore, SqlAlchemyMessageStore]]:
    """The same store, as two processes have it."""
    one, other = (SqlAlchemyMessageStore(open_engines(url, application_name="imcore-test")) for _ in range(2))
    async with one, other:
        yield one, other


Stores = tuple[SqlAlchemyMessageStore, SqlAlchemyMessageStore]


@contextmanager
def holding(url: str, *statements: tuple[bytes, str]) -> Iterator[Psql]:
    """A transaction of somebody else, committed at the end."""
    with psycopg.connect(url) as connection:
        for statement, value in statements:
            connection.execute(statement, [value] if b"%s" in statement else None)
        yield connection


async def waiting(url: str, *steps: Awaitable[T]) -> list[asyncio.Future[T]]:
    """These steps, begun one after the other, each as soon as the last one waits for a lock."""
    begun: list[asyncio.Future[T]] = []
    with psycopg.connect(url, autocommit=True) as looking:
        for step in steps:
            begun.append(asyncio.ensure_future(step))
            await eventually(lambda: waiters(looking) == len(begun))
    return begun


def waiters(looking: Psql) -> int:
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'imcore-test' AND wait_event_type = 'Lock'"
    found = looking.execute(ours).fetchone()
    assert found is not None
    return int(found[0])


async def test_the_same_send_through_two_processes_is_kept_once(stores: Stores, url: str) -> None:
    await send(stores[0], text="before")
    message, record = a_send()
    with holding(url, (LOCK, "alice")):
        both = await waiting(url, *(store.add(message, record) for store in stores))
    assert [stored.duplicate for stored in await asyncio.gather(*both)] == [False, True]
    assert [line.seq for line in await stores[0].messages("alice", "alice", limit=9)] == [1, 2]


@MODES
async def test_of_two_processes_claims_one_wins(stores: Stores, url: str, modes: tuple[bool, bool]) -> None:
    for _ in range(2):
        await send(stores[0])
    with holding(url, (LOCK, "alice")):
        both = await waiting(url, *(store.claim("alice", lease_s=LONG_S, merge=merge) for store, merge in zip(stores, modes, strict=True)))
    first, second = await asyncio.gather(*both)
    assert first is not None
    assert len(first.group) == (2 if modes[0] else 1)
    assert second is None


async def test_a_send_that_waited_for_the_making_of_its_session_is_its_next_message(stores: Stores, url: str) -> None:
    with holding(url, (MAKE, "alice"), (SAY, "")):
        (sent,) = await waiting(url, stores[0].add(*a_send(), max_pending=2))
    assert (await sent).message.seq == 2
    assert [line.message_id for line in await stores[0].messages("alice", "alice", limit=9)] == ["first", (await sent).message.message_id]


async def test_a_send_that_waited_for_the_making_of_its_session_by_another_user_is_forbidden(stores: Stores, url: str) -> None:
    with holding(url, (MAKE, "mallory")):
        (both,) = await waiting(url, asyncio.gather(send(stores[0]), send(stores[0], "bob"), return_exceptions=True))
    alices, bobs = await both
    assert isinstance(alices, ForbiddenError)
    assert not isinstance(bobs, BaseException)
    assert bobs.message.seq == 1


async def test_a_send_that_waited_for_the_making_of_its_session_counts_what_its_user_waits_for_now(stores: Stores, url: str) -> None:
    with holding(url, (MAKE, "alice"), (SAY, "")):
        (sent,) = await waiting(url, stores[0].add(*a_send(), max_pending=1))
    with pytest.raises(RateLimitedError):
        await sent


async def test_of_a_plain_send_and_one_that_rejects_in_a_new_session_the_later_sees_the_other(stores: Stores, url: str) -> None:
    with holding(url, (MAKE, "alice"), (SAY, "")):
        (rejected,) = await waiting(url, stores[0].add(*a_send(), double_texting=DoubleTexting.REJECT))
    with pytest.raises(ReplyInProgressError):
        await rejected


async def test_a_claim_that_waited_sees_what_was_cancelled_and_sent_meanwhile(stores: Stores, url: str) -> None:
    first = await send(stores[0])
    second = a_send()
    with holding(url, (LOCK, "alice")):
        steps = await waiting(
            url,
            stores[0].cancel("alice", first.record.record_id),
            stores[1].add(*second),
            stores[0].claim("alice", lease_s=LONG_S),
        )
    *_, claimed = await asyncio.gather(*steps)
    assert isinstance(claimed, Claimed)
    assert claimed.record.record_id == second[1].record_id
    assert [line.message_id for line in claimed.window] == [first.message.message_id, second[0].message_id]


@MODES
async def test_of_two_processes_claims_that_waited_while_a_session_was_made_at_most_one_has_its_reply(
    stores: Stores, url: str, modes: tuple[bool, bool]
) -> None:
    """Neither saw the session when it took its locks."""

    async def claim_two(store: SqlAlchemyMessageStore, merge: bool, user: str) -> list[Claimed | None]:
        return await asyncio.gather(*(store.claim(session_id, lease_s=LONG_S, merge=merge) for session_id in ("alice", user)))

    others = ("bob", "carol")
    for user in others:
        await send(stores[0], user)
    with holding(url, *((LOCK, user) for user in others)) as locking:
        begun = await waiting(url, *map(claim_two, stores, modes, others))
        with holding(url, (MAKE, "alice"), (SAY, "")):
            pass
        with holding(url, (LOCK_RECORD, "first")), psycopg.connect(url, autocommit=True) as looking:
            locking.commit()
            await eventually(lambda: sum(claim.done() for claim in begun) + waiters(looking) == len(begun))
    first, second = await asyncio.gather(*begun)
    assert first[1] is not None
    assert second[1] is not None
    won = [claimed for claimed in (first[0], second[0], await stores[0].claim("alice", lease_s=LONG_S)) if claimed is not None]
    assert len(won) == 1


async def test_an_end_and_a_cancelling_of_the_same_reply_leave_one_reply(stores: Stores, url: str) -> None:
    sent = await send(stores[0])
    lease = await claim(stores[0])
    with holding(url, (LOCK, "alice")):
        steps = await waiting(url, stores[0].finish(outcome(lease)), stores[1].cancel("alice", lease.record_id), send(stores[0]))
    ended, after, later = await asyncio.gather(*steps)
    assert isinstance(ended, Finished)
    assert ended.message is not None
    assert after == await stores[0].record("alice", lease.record_id)
    assert [line.seq for line in await stores[0].messages("alice", "alice", limit=9)] == [1, 2, 3]
    assert (await stores[0].record_of("alice", sent.message.message_id)) == after
    assert (await claim(stores[1])).record_id == later.record.record_id  # type: ignore[union-attr]  # a list of steps of any kind


RENEW = b"UPDATE ai_chat_records SET lease_expires_at = now() + interval '1 h', response_content = '{}' WHERE record_id = %s"
RELEASE = b"UPDATE ai_chat_records SET lease_expires_at = NULL, attempt_limit = attempt_limit + 1 WHERE record_id = %s"


@pytest.mark.parametrize(("statement", "is_lost"), [(RENEW, False), (RELEASE, True)], ids=["renewal", "release"])
async def test_an_end_that_waited_for_the_lease_goes_by_what_became_of_it(
    stores: Stores, url: str, statement: bytes, is_lost: bool
) -> None:
    await send(stores[0])
    lease = await claim(stores[0])
    with holding(url, (statement, lease.record_id)):
        (end,) = await waiting(url, stores[0].finish(outcome(lease)))
    (ended,) = await asyncio.gather(end, return_exceptions=True)
    assert isinstance(ended, LeaseLostError) is is_lost
    record = await stores[0].record("alice", lease.record_id)
    assert record is not None
    assert record.is_open is is_lost
    assert len(await stores[0].messages("alice", "alice", limit=9)) == (1 if is_lost else 2)


async def test_ends_lock_their_records_in_the_order_of_ids_as_renewals_do(stores: Stores, url: str) -> None:
    leases = []
    for user in ("b", "a"):
        await send(stores[0], user)
        leases.append(await claim(stores[0], user))
    low, high = sorted(leases, key=lambda lease: lease.record_id)
    with holding(url, (b"UPDATE ai_chat_records SET created_at = now() + interval '1 h' WHERE record_id = %s", low.record_id)):
        pass  # so that no order that another index has is the same by chance
    free = b"SELECT FROM ai_chat_records WHERE record_id = %s FOR UPDATE SKIP LOCKED"
    with holding(url, (RENEW, low.record_id)) as renewing:
        (ends,) = await waiting(url, asyncio.gather(*(stores[0].finish(outcome(lease)) for lease in (high, low))))
        is_free = renewing.execute(free, [high.record_id]).rowcount == 1  # else a renewal of both would wait for ever
    await ends
    assert is_free


async def test_a_send_that_meets_another_in_a_deadlock_is_made_all_the_same(stores: Stores, url: str) -> None:
    await send(stores[0], "bob")
    with holding(url, (b"SET deadlock_timeout = '60s'", ""), (MAKE, "alice")) as making:
        (sends,) = await waiting(url, asyncio.gather(send(stores[0], "bob"), send(stores[0], "alice")))
        await asyncio.to_thread(making.execute, LOCK, ["bob"])  # the other's deadlock is found, and ends
    bobs, alices = await sends
    assert (bobs.message.seq, alices.message.seq) == (2, 2)
    assert (bobs.duplicate, alices.duplicate) == (False, False)


async def test_steps_of_two_processes_in_one_session_leave_each_message_one_reply(stores: Stores) -> None:
    """Whatever their order: sends, claims, ends, releases and cancellings, plain and thorough ones."""
    users = ["alice", "bob"]
    sends = (a_send(user) for _ in range(20) for user in users)
    adding = asyncio.gather(*(stores[number % 2].add(*one, max_pending=99) for number, one in enumerate(sends)))

    async def write(store: SqlAlchemyMessageStore, user: str, turn: int) -> None:
        claimed = await store.claim(user, lease_s=LONG_S, merge=turn % 7 == 3)
        if claimed is None:
            return
        if turn % 5 == 4:
            await store.cancel(user, claimed.record.record_id)
        if turn % 3 == 2:
            await store.release(lease_of(claimed.record))
        else:
            await store.finish(outcome(lease_of(claimed.record)))

    async def writer(store: SqlAlchemyMessageStore, user: str) -> None:
        for turn in range(40):
            await write(store, user, turn)

    await asyncio.gather(adding, *(writer(store, user) for store in stores for user in users * 2))
    for user in users:
        while claimed := await stores[0].claim(user, lease_s=LONG_S):
            await stores[0].finish(outcome(lease_of(claimed.record)))
        lines = await stores[1].messages(user, user, limit=200)
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        assert (await stores[0].records(user, status=ReplyStatus.PROCESSING, limit=1)).items == []
    assert (await stores[0].audit(older_than_s=-60)).is_clean
