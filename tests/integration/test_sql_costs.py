"""What the store's steps cost: indices instead of scans, few commits instead of many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, event

from adapters.sql.engine import Engines, open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from adapters.sql.schema import metadata
from imcore.chat_record import ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.ports import RunningReply
from tests.contracts.message_stores import LONG_S, a_send, claim, claim_reply, lease_of, outcome, send


@pytest.fixture
async def engines(sqlite_url: str) -> Engines:
    await asyncio.to_thread(migrate, sqlite_url)
    return open_engines(sqlite_url, application_name="imcore-test")


@pytest.fixture
async def store(engines: Engines) -> AsyncIterator[SqlAlchemyMessageStore]:
    async with SqlAlchemyMessageStore(engines) as opened:
        yield opened


class Plans:
    """SQLite's plan of each statement that runs, steps that read a whole table or sort what an index could give."""

    def __init__(self, engines: Engines) -> None:
        self.wasteful: list[tuple[str, str]] = []
        for engine in (engines.write, engines.read):
            event.listen(engine.sync_engine, "before_cursor_execute", self._explain)

    def _explain(self, _connection: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if executemany else parameters)
            steps = [row[3] for row in cursor.fetchall()]
            self.wasteful += [(step, statement) for step in steps if _is_wasteful(step)]


def _is_wasteful(step: str) -> bool:
    return step.startswith("SCAN") and step.split()[1] in {*metadata.tables, "other", "reply"}


async def test_no_step_reads_a_whole_table(engines: Engines, store: SqlAlchemyMessageStore) -> None:
    for number in range(50):
        await send(store, f"user{number}")
        await store.finish(outcome(await claim(store, f"user{number}")))
    plans = Plans(engines)
    sent = await store.add(*a_send(), max_pending=20)
    lease = await claim(store)
    await store.renew([RunningReply(lease, "so far")], lease_s=LONG_S)
    await store.cancel("alice", lease.record_id)
    await store.release(lease)
    await store.finish(outcome(await claim(store), ReplyStatus.CANCELLED))
    await store.add(*a_send("merging"))
    await store.add(*a_send("merging"))
    leader = (await claim_reply(store, "merging", merge=True)).record
    await store.group_of(leader)
    await store.cancel("merging", leader.record_id)
    await store.finish(outcome(lease_of(leader), ReplyStatus.FAILED))
    await store.retry("merging", leader.record_id)
    await store.add(*a_send("merging"), double_texting=DoubleTexting.INTERRUPT)
    await store.retry("alice", lease.record_id, max_pending=20)
    await store.message("alice", sent.message.message_id)
    await store.messages("alice", "alice", limit=20)
    await store.messages("alice", "alice", after_seq=1, limit=20)
    await store.messages("alice", "alice", before_seq=9, limit=20)
    await store.sessions("alice", limit=20)
    await store.record("alice", sent.record.record_id)
    await store.record_of("alice", sent.message.message_id)
    await store.records("alice", limit=20)
    await store.changed_since("alice", sent.record.created_at, limit=20)
    await store.open_records("alice", "alice")
    await store.open_record_count()
    await store.due_sessions(waiting_s=0, limit=20)
    assert plans.wasteful == []


async def test_sends_at_the_same_time_share_their_commits(engines: Engines, store: SqlAlchemyMessageStore) -> None:
    commits: list[Connection] = []
    event.listen(engines.write.sync_engine, "commit", commits.append)
    await asyncio.gather(*(send(store, f"user{number}") for number in range(100)))
    assert len(commits) <= 2
