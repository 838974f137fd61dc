"""`imcore audit` on a database that was damaged on purpose, in each of the ways that it checks: it says which, and exits 1."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from tests.contracts.message_stores import answer, send
from tests.servers.imcore import COMMAND

DAMAGE = {
    "messages_without_record": "DELETE FROM ai_chat_records WHERE status = 0",
    "records_not_final": "",  # the fixture leaves one open; an audit of what is older than 0 s counts it
    "success_without_reply": "DELETE FROM messages WHERE msg_type = 'AI_REPLY'",
    "replies_without_record": """
        INSERT INTO messages (message_id, session_id, from_user_id, msg_type, msg_content, created_at, updated_at, seq)
        SELECT 'stray', session_id, 'im:ai', 'AI_REPLY', 'stray', created_at, updated_at, 99 FROM messages LIMIT 1""",
    "double_replies": """
        CREATE TABLE keyless AS SELECT * FROM ai_chat_records;
        DROP TABLE ai_chat_records;
        ALTER TABLE keyless RENAME TO ai_chat_records;
        INSERT INTO messages (message_id, session_id, from_user_id, msg_type, msg_content, created_at, updated_at, seq)
        SELECT 'second', session_id, from_user_id, msg_type, 'second', created_at, updated_at, 99 FROM messages WHERE msg_type = 'AI_REPLY';
        CREATE TEMP TABLE copy AS SELECT * FROM ai_chat_records WHERE status = 1;
        UPDATE copy SET id = 99, record_id = 'other', ai_message_id = 'second';
        INSERT INTO ai_chat_records SELECT * FROM copy""",
}


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """Alice has her reply; Bob's is still to come."""
    path = tmp_path / "im.db"
    await asyncio.to_thread(migrate, f"sqlite:///{path}")
    async with SqlAlchemyMessageStore(open_engines(f"sqlite:///{path}", application_name="imcore-test")) as store:
        await send(store)
        await answer(store)
        await send(store, "bob")
    return path


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_kind_of_damage_is_counted_under_its_name_with_exit_1(database: Path, damage: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(DAMAGE[damage])
        connection.commit()
    done = subprocess.run(
        [COMMAND, "audit", "--older-than", "0", "--json"],
        env={"IM_DATABASE_URL": f"sqlite:///{database}"},
        cwd=database.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert json.loads(done.stdout)[damage] == 1
