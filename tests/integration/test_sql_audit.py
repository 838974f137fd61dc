"""The damage that only a database without its keys can have."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from adapters.sql.schema import records
from imcore.ids import new_id, reply_message_id
from imcore.message import MessageType
from imcore.ports import Audit
from tests.contracts.message_stores import answer, insert_message, send

_LOSE_THE_KEYS = (
    "CREATE TABLE keyless AS SELECT * FROM ai_chat_records",
    "DROP TABLE ai_chat_records",
    "ALTER TABLE keyless RENAME TO ai_chat_records",
)


@pytest.mark.parametrize("database", ["sqlite", "postgres", "mysql"])
async def test_an_audit_counts_messages_with_two_replies(request: pytest.FixtureRequest, database: str) -> None:
    url = request.getfixturevalue(f"{database}_url")
    await asyncio.to_thread(migrate, url)
    engines = open_engines(url, application_name="imcore-test")
    async with SqlAlchemyMessageStore(engines) as store:
        sent = await send(store)
        reply = await answer(store)
        assert reply.msg_type is MessageType.AI_REPLY
        record = await store.record("alice", sent.record.record_id)
        assert record is not None
        second_id = new_id()
        second = replace(record, record_id=second_id, ai_message_id=reply_message_id(second_id))
        await insert_message(store, replace(reply, message_id=reply_message_id(second_id), seq=reply.seq + 1))
        async with engines.write.begin() as connection:
            for statement in _LOSE_THE_KEYS:
                await connection.execute(text(statement))
            await connection.execute(insert(records).values(id=2, **asdict(second)))
        assert await store.audit(older_than_s=0) == Audit(0, 0, 0, 0, double_replies=1)


async def test_an_audit_scans_no_table_once_for_each_row_of_another(sqlite_url: str) -> None:
    await asyncio.to_thread(migrate, sqlite_url)
    engines = open_engines(sqlite_url, application_name="imcore-test")
    scans: list[str] = []
    repeated: list[str] = []

    @event.listens_for(engines.read.sync_engine, "before_cursor_execute")
    def explain(_connection: object, cursor: Any, statement: str, parameters: Any, _context: object, _many: bool) -> None:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = {step: (within, what) for step, within, _, what in cursor.fetchall()}
        for within, what in steps.values():
            if what.startswith("SCAN"):
                scans.append(what)
                while within:
                    within, around = steps[within]  # noqa: PLW2901  # up to the outermost
                    repeated.extend([what] if around.startswith("CORRELATED") else [])

    async with SqlAlchemyMessageStore(engines) as store:
        assert await store.audit(older_than_s=0) == Audit(0, 0, 0, 0, 0)
    assert scans
    assert repeated == []
