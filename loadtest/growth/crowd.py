"""Users who do, on a database that is full, what can be taken back: so its size stays while it is measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice
from typing import Self

from sqlalchemy import ColumnElement, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.connection import connection_over
from adapters.sql.engine import Engines, open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.rows import SESSION
from adapters.sql.schema import messages, records, sessions
from adapters.sql.windows import Window, read_all
from imcore.chat_record import ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.clock import utc_now
from imcore.ids import new_id
from imcore.message import Message, MessageType
from imcore.session import Session

BATCH = 20
"""How many users do the same at the same time."""

SIZES = (50, 200)
"""How many messages the sessions of the crowd have, so that a page of a small database holds as much as one of a large."""

WINDOW = 20
LEASE_S = 60.0
MAX_PENDING = 20

_TEXT = "What would you say to a walk along the river this afternoon, if the rain stops in time? " * 2

_RESTORE = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("of_session"))
    .values(last_seq=bindparam("old_last_seq"), updated_at=bindparam("old_updated_at"))
)


class NoHistoryError(Exception):
    """The database has no conversations of the needed sizes."""


class Crowd:
    """Batches of sessions out of a pool, and the steps that they take. `undo` what was stored."""

    def __init__(self, engines: Engines, store: SqlAlchemyMessageStore, pool: Sequence[Session], last_ids: tuple[int, int]) -> None:
        self.engines = engines
        self.store = store
        self._pool = {session.session_id: session for session in pool}
        self._next = cycle(pool)
        self._last_ids = last_ids
        self._touched: set[str] = set()

    @classmethod
    @asynccontextmanager
    async def on(cls, database_url: str, *, pool_sessions: int) -> AsyncIterator[Self]:
        """Of `pool_sessions` sessions in which nobody waits for a reply, the same ones each time.

        Raises:
            NoHistoryError: there are not even enough for one batch.
        """
        engines = open_engines(database_url, application_name="imcore-growth")
        async with SqlAlchemyMessageStore(engines) as store:
            async with engines.read.connect() as connection:
                pool = await _quiet_sessions(connection, pool_sessions)
                last_ids = (await _last_id(connection, messages.c.id), await _last_id(connection, records.c.id))
            if len(pool) < BATCH:
                raise NoHistoryError(f"{len(pool)} sessions of {SIZES} messages; fill the database with `loadtest.growth.generate` first")
            crowd = cls(engines, store, pool, last_ids)
            try:
                yield crowd
            finally:
                await crowd.undo()

    @property
    def batches(self) -> int:
        """How many batches the pool has."""
        return len(self._pool) // BATCH

    def batch(self) -> list[Session]:
        """The next `BATCH` sessions, each another one."""
        return list(islice(self._next, BATCH))

    async def send(self, batch: Sequence[Session]) -> list[ChatRecord]:
        """One message in each session, all at the same time."""
        self._touched |= {session.session_id for session in batch}
        stored = await asyncio.gather(*(self.store.add(*_a_send(session), max_pending=MAX_PENDING) for session in batch))
        return [one.record for one in stored]

    async def claim(self, batch: Sequence[Session], *, history_messages: int = WINDOW, merge: bool = False) -> list[ChatRecord]:
        """The records claimed; every session has one that waits."""
        claims = (
            self.store.claim(session.session_id, lease_s=LEASE_S, history_messages=history_messages, merge=merge) for session in batch
        )
        return [one.record for one in await asyncio.gather(*claims) if one is not None]

    async def read_windows(self, asked: Sequence[Window]) -> None:
        """What claims read of the conversations, without the claims."""

        async def read(connection: AsyncConnection) -> list[list[Message]]:
            return await read_all(await connection_over(connection), asked)

        await self.store._database.read(read)  # noqa: SLF001  (the port has no windows but those of claims)

    async def finish(self, claimed: Sequence[ChatRecord]) -> None:
        """A reply to each record, all at the same time."""
        await asyncio.gather(*(self.store.finish(_a_reply(record)) for record in claimed))

    async def undo(self) -> None:
        """Take back all that was stored since the crowd came."""
        if not self._touched:
            return
        old = [self._pool[session_id] for session_id in sorted(self._touched)]
        message_id, record_id = self._last_ids
        async with self.engines.write.begin() as connection:
            await connection.execute(
                _RESTORE, [{"of_session": one.session_id, "old_last_seq": one.last_seq, "old_updated_at": one.updated_at} for one in old]
            )
            await connection.execute(delete(records).where(records.c.id > record_id))
            await connection.execute(delete(messages).where(messages.c.id > message_id))
        self._touched.clear()


def _a_send(session: Session) -> tuple[Message, ChatRecord]:
    now, message_id = utc_now(), new_id()
    message = Message(message_id, session.session_id, session.user_id, MessageType.TEXT, _TEXT, now, now)
    return message, ChatRecord(new_id(), session.session_id, session.user_id, message_id, now, now)


def _a_reply(record: ChatRecord) -> ReplyOutcome:
    lease = Lease(record.record_id, record.session_id, record.attempt)
    request: dict[str, object] = {"model": "demo", "messages": [{"role": "user", "content": _TEXT}]}
    return ReplyOutcome(lease, ReplyStatus.SUCCESS, _TEXT, ended_at=utc_now(), request_content=request, model="demo", duration_ms=1000)


async def _quiet_sessions(connection: AsyncConnection, limit: int) -> list[Session]:
    waiting = select(records.c.session_id).where(records.c.status == ReplyStatus.PROCESSING)
    found = await connection.execute(
        select(*SESSION)
        .where(sessions.c.last_seq.between(*SIZES), sessions.c.session_id.not_in(waiting), ~sessions.c.session_id.contains(":"))
        .order_by(func.substr(sessions.c.session_id, 9), sessions.c.session_id)  # by its last digits: from all over the table
        .limit(limit)
    )
    return [Session(*row) for row in found]


async def _last_id(connection: AsyncConnection, column: ColumnElement[int]) -> int:
    return (await connection.execute(select(func.max(column)))).scalar_one() or 0
