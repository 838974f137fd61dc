"""The MessageStore on SQLAlchemy Core: which step goes through which batcher."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Self

from sqlalchemy.exc import IntegrityError

from adapters.sql import audit as audits
from adapters.sql import claims, ends, plain_steps, reads, sends, user_moves
from adapters.sql.connection import POSTGRESQL, Connection
from adapters.sql.database import STEP_TIMEOUT_S, Database
from adapters.sql.engine import POOL_TIMEOUT_S, Engines
from adapters.sql.group_commit import MAX_BATCH_ITEMS, Answer, GroupCommit, Item
from adapters.sql.migrations_runner import head_revision, revision_of
from adapters.sql.plain_first import PlainFirst
from adapters.sql.schema import records
from adapters.sql.windows import read_one
from imcore.chat_record import ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.errors import MessageConflictError, SchemaOutdatedError, StoreUnavailableError
from imcore.message import Message
from imcore.ports import Audit, Claimed, Finished, MessageStore, RecordPage, Renewal, RunningReply, Stored
from imcore.prompt import HISTORY_MESSAGES
from imcore.session import Session

AUDIT_TIMEOUT_S = 600.0
PAUSE_S = 0.004
"""Between commits while several callers wait at once."""

GATHER_ENDS_S = 0.04
"""A reply's text is with its readers when it ends; its commit may wait for that of others."""

ENOUGH_ENDS = 8
"""They wait no longer. Users who are answered together send together: all would come into step, and queue up at each step."""

ENDS_PAUSE_S = 0.008
"""Between calls of PostgreSQL that end replies, while several wait: their callers are in no hurry, and each call ends in a commit."""

MAX_CLAIMS = 50
"""At once: each brings up to 200 messages."""

Step = GroupCommit[Item, Answer] | PlainFirst[Item, Answer]
InTransaction = Callable[[Connection, Sequence[Item]], Awaitable[Sequence[Answer | Exception]]]
InOneCall = Callable[[Connection, Sequence[Item]], Awaitable[Mapping[int, Answer]]]


class SqlAlchemyMessageStore(MessageStore):
    """Made for one event loop. `close` it, or use it with `async with`: it owns its engines.

    A step that takes longer than `step_timeout_s` is given up with `StoreUnavailableError`.
    """

    def __init__(self, engines: Engines, *, step_timeout_s: float = STEP_TIMEOUT_S) -> None:
        self._database = Database(engines, step_timeout_s=step_timeout_s)
        self._sends = self._step(sends.add_all, plain_steps.add_messages)
        self._claims = self._step(
            claims.claim_all, plain_steps.ClaimReplies(within_s=max(0.0, step_timeout_s - POOL_TIMEOUT_S)), max_items=MAX_CLAIMS
        )
        self._renewals = self._grouped(claims.renew_all)
        self._releases = self._grouped(claims.release_all)
        self._ends = self._step(
            ends.finish_all, plain_steps.finish_replies, gather_s=GATHER_ENDS_S, enough_items=ENOUGH_ENDS, pause_s=ENDS_PAUSE_S
        )

    def _step(
        self,
        in_transaction: InTransaction[Item, Answer],
        in_one_call: InOneCall[Item, Answer],
        *,
        max_items: int = MAX_BATCH_ITEMS,
        gather_s: float = 0.0,
        enough_items: int = MAX_BATCH_ITEMS,
        pause_s: float = PAUSE_S,
    ) -> Step[Item, Answer]:
        if self._database.dialect != POSTGRESQL:
            return self._grouped(in_transaction, max_items=max_items, gather_s=gather_s, enough_items=enough_items)
        return PlainFirst(
            lambda items: self._database.write_at_once(lambda connection: in_one_call(connection, items)),
            self._grouped(in_transaction, max_items=max_items),
            max_items=max_items,
            gather_s=gather_s,
            enough_items=enough_items,
            pause_s=pause_s,
        )

    def _grouped(
        self,
        in_transaction: InTransaction[Item, Answer],
        *,
        max_items: int = MAX_BATCH_ITEMS,
        gather_s: float = 0.0,
        enough_items: int = MAX_BATCH_ITEMS,
    ) -> GroupCommit[Item, Answer]:
        return GroupCommit(
            lambda items: self._database.write(lambda connection: in_transaction(connection, items)),
            max_items=max_items,
            gather_s=gather_s,
            enough_items=enough_items,
            pause_s=PAUSE_S,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Answer what was accepted, then close all connections."""
        for batcher in (self._sends, self._claims, self._renewals, self._releases, self._ends):
            await batcher.close()
        await self._database.close()

    def connection_counts(self) -> dict[str, int]:
        """Open database connections by state, `in_use` and `idle`."""
        return self._database.connection_counts()

    async def add(
        self,
        message: Message,
        record: ChatRecord,
        *,
        max_pending: int | None = None,
        double_texting: DoubleTexting = DoubleTexting.QUEUE,
    ) -> Stored:
        return await self._sends.submit(sends.Send(message, record, max_pending, double_texting))

    async def message(self, user_id: str, message_id: str) -> Message | None:
        return await self._database.read(lambda connection: reads.message(connection, user_id, message_id))

    async def messages(
        self, user_id: str, session_id: str, *, after_seq: int | None = None, before_seq: int | None = None, limit: int
    ) -> list[Message]:
        return await self._database.read(
            lambda connection: reads.session_messages(
                connection, user_id, session_id, after_seq=after_seq, before_seq=before_seq, limit=limit
            )
        )

    async def sessions(self, user_id: str, *, limit: int) -> list[Session]:
        return await self._database.read(lambda connection: reads.user_sessions(connection, user_id, limit=limit))

    async def record(self, user_id: str, record_id: str) -> ChatRecord | None:
        return await self._database.read(lambda connection: reads.one_record(connection, user_id, records.c.record_id == record_id))

    async def record_of(self, user_id: str, user_message_id: str) -> ChatRecord | None:
        return await self._database.read(
            lambda connection: reads.one_record(connection, user_id, records.c.user_message_id == user_message_id)
        )

    async def records(
        self,
        user_id: str,
        *,
        session_id: str | None = None,
        status: ReplyStatus | None = None,
        user_message_id: str | None = None,
        cursor: str | None = None,
        limit: int,
    ) -> RecordPage:
        wanted = ((records.c.session_id, session_id), (records.c.status, status), (records.c.user_message_id, user_message_id))
        filters = [column == value for column, value in wanted if value is not None]
        return await self._database.read(
            lambda connection: reads.record_page(connection, user_id, filters=filters, cursor=cursor, limit=limit)
        )

    async def changed_since(self, user_id: str, since: datetime, *, limit: int) -> list[ChatRecord]:
        return await self._database.read(lambda connection: reads.changed_since(connection, user_id, since, limit=limit))

    async def open_records(self, user_id: str, session_id: str) -> list[ChatRecord]:
        return await self._database.read(lambda connection: reads.open_records(connection, user_id, session_id))

    async def group_of(self, record: ChatRecord) -> list[ChatRecord]:
        if record.leader_id is None:
            return [record]
        return await self._database.read(lambda connection: reads.group_of(connection, record))

    async def cancel(self, user_id: str, record_id: str) -> ChatRecord | None:
        return await self._database.write(lambda connection: user_moves.cancel(connection, user_id, record_id))

    async def retry(self, user_id: str, record_id: str, *, max_pending: int | None = None) -> ChatRecord | None:
        return await self._database.write(lambda connection: user_moves.retry(connection, user_id, record_id, max_pending=max_pending))

    async def claim(
        self, session_id: str, *, lease_s: float, history_messages: int = HISTORY_MESSAGES, merge: bool = False
    ) -> Claimed | None:
        claimed = await self._claims.submit(claims.Claim(session_id, lease_s, history_messages, merge))
        return await self._read_far(claimed) if isinstance(claimed, plain_steps.FarClaimed) else claimed

    async def _read_far(self, claimed: plain_steps.FarClaimed) -> Claimed:
        record, window = claimed.record, claimed.window
        try:
            lines = await self._database.write_at_once(lambda connection: read_one(connection, window))
        except StoreUnavailableError:  # nobody will write this reply
            with suppress(StoreUnavailableError):  # then its lease runs out
                await self.release(Lease(record.record_id, record.session_id, record.attempt))
            raise
        return Claimed([record], lines)

    async def renew(self, running: Sequence[RunningReply], *, lease_s: float) -> Renewal:
        return await self._renewals.submit(claims.Renew(running, lease_s))

    async def finish(self, outcome: ReplyOutcome) -> Finished:
        try:
            return await self._ends.submit(outcome)
        except IntegrityError as error:
            raise MessageConflictError("The id of the reply is taken by another message.") from error

    async def release(self, lease: Lease) -> None:
        await self._releases.submit(lease)

    async def due_sessions(self, *, waiting_s: float, limit: int) -> list[str]:
        return await self._database.read(lambda connection: reads.due_sessions(connection, waiting_s=waiting_s, limit=limit))

    async def open_record_count(self) -> int:
        return await self._database.read(reads.open_record_count)

    async def audit(self, *, older_than_s: float) -> Audit:
        return await self._database.read(lambda connection: audits.audit(connection, older_than_s=older_than_s), timeout_s=AUDIT_TIMEOUT_S)

    async def ping(self) -> None:
        found = await self._database.read(lambda connection: connection.run_sync(revision_of))
        needed = await asyncio.to_thread(head_revision)
        if found != needed:
            raise SchemaOutdatedError(f"The database has schema {found or 'none'}, this code needs {needed}: run `imcore migrate`.")
