"""Every MessageStore there is, two handles on each, and what its contract tests share. A pytest plugin of those tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Executable, delete, insert, update

from adapters.memory.message_store import MemoryMessageStore
from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from adapters.sql.schema import messages, metadata, records
from imcore.chat_record import ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.clock import utc_now
from imcore.ids import new_id
from imcore.message import Message, MessageType
from imcore.ports import Claimed, MessageStore, Stored
from imcore.prompt import HISTORY_MESSAGES
from tests.servers import GivenServer, Server, empty_mysql_database, empty_postgres_database

TwoStores = tuple[MessageStore, MessageStore]

LONG_S = 3600.0
RUN_OUT_S = 0.0


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _migrated(f"sqlite:///{tmp_path_factory.mktemp('contract') / Path('im.db')}")


@pytest.fixture(scope="session")
def migrated_postgresql(postgres_server: Server | GivenServer) -> Iterator[str]:
    with empty_postgres_database(postgres_server.url) as url:
        yield _migrated(url)


@pytest.fixture(scope="session")
def migrated_mariadb(mysql_server: Server | GivenServer) -> Iterator[str]:
    with empty_mysql_database(mysql_server.url) as url:
        yield _migrated(url)


def _migrated(url: str) -> str:
    migrate(url)
    return url


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mariadb"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """A migrated database, None for memory."""
    return None if request.param == "memory" else request.getfixturevalue(f"migrated_{request.param}")


@pytest.fixture
async def two_stores(store_url: str | None) -> AsyncIterator[TwoStores]:
    """The same empty store, as two processes see it."""
    if store_url is None:
        memory = MemoryMessageStore()
        yield memory, memory
        return
    pair = [SqlAlchemyMessageStore(open_engines(store_url, application_name="imcore-test")) for _ in range(2)]
    await _execute(pair[0], *(delete(table) for table in metadata.sorted_tables))
    yield pair[0], pair[1]
    in_use = [store.connection_counts()["in_use"] for store in pair]
    for store in pair:
        await store.close()
    assert in_use == [0, 0], "a connection was left checked out"


@pytest.fixture
def message_store(two_stores: TwoStores) -> MessageStore:
    return two_stores[0]


async def delete_record(store: MessageStore, record_id: str) -> None:
    """Damage: as if a record had been lost."""
    if isinstance(store, MemoryMessageStore):
        del store._records[record_id]
    else:
        await _execute(store, delete(records).where(records.c.record_id == record_id))


async def delete_message(store: MessageStore, message_id: str) -> None:
    """Damage: as if a message had been lost."""
    if isinstance(store, MemoryMessageStore):
        del store._messages[message_id]
    else:
        await _execute(store, delete(messages).where(messages.c.message_id == message_id))


async def insert_message(store: MessageStore, message: Message) -> None:
    """Damage: as if somebody wrote past the store."""
    if isinstance(store, MemoryMessageStore):
        store._messages[message.message_id] = message
    else:
        await _execute(store, insert(messages).values(asdict(message)))


async def set_updated_at(store: MessageStore, record_id: str, time: datetime) -> None:
    """As if the record had last changed then."""
    if isinstance(store, MemoryMessageStore):
        store._records[record_id] = replace(store._records[record_id], updated_at=time)
    else:
        await _execute(store, update(records).where(records.c.record_id == record_id).values(updated_at=time))


async def _execute(store: MessageStore, *statements: Executable) -> None:
    assert isinstance(store, SqlAlchemyMessageStore)
    async with store._database.engines.write.begin() as connection:
        for statement in statements:
            await connection.execute(statement)


def a_send(
    user_id: str = "alice", *, text: str = "hello", session_id: str | None = None, message_id: str | None = None
) -> tuple[Message, ChatRecord]:
    """What the send use case hands to `add`."""
    now = utc_now()
    message_id = message_id or new_id()
    session_id = session_id or user_id
    message = Message(message_id, session_id, user_id, MessageType.TEXT, text, now, now)
    return message, ChatRecord(new_id(), session_id, user_id, message_id, now, now)


async def send(store: MessageStore, user_id: str = "alice", *, text: str = "hello", session_id: str | None = None) -> Stored:
    return await store.add(*a_send(user_id, text=text, session_id=session_id))


async def claim(store: MessageStore, session_id: str = "alice", *, lease_s: float = LONG_S) -> Lease:
    """A claim that is to succeed."""
    return lease_of((await claim_reply(store, session_id, lease_s=lease_s)).record)


async def claim_reply(
    store: MessageStore,
    session_id: str = "alice",
    *,
    lease_s: float = LONG_S,
    history_messages: int = HISTORY_MESSAGES,
    merge: bool = False,
) -> Claimed:
    """A claim that is to succeed, with all that it brings."""
    claimed = await store.claim(session_id, lease_s=lease_s, history_messages=history_messages, merge=merge)
    assert claimed is not None
    return claimed


def lease_of(record: ChatRecord) -> Lease:
    return Lease(record.record_id, record.session_id, record.attempt)


def outcome(lease: Lease, status: ReplyStatus = ReplyStatus.SUCCESS, *, text: str = "hi there") -> ReplyOutcome:
    return ReplyOutcome(lease, status, text, ended_at=utc_now())


async def answer(store: MessageStore, session_id: str = "alice", *, text: str = "hi there") -> Message:
    """Write the reply to the oldest message that waits for one."""
    finished = await store.finish(outcome(await claim(store, session_id), text=text))
    assert finished.message is not None
    return finished.message
