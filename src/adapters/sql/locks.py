"""Row locks, always in this order so that no two transactions wait for each other: sessions by id, then records by id.

A session's row lock serialises everything that gives away a `seq` or moves a record from one state to another. SQLite has one
writer at a time and needs none of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, select

from adapters.sql.bulk import among
from adapters.sql.connection import Connection
from adapters.sql.rows import RECORD, SESSION
from adapters.sql.schema import records, sessions
from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.session import Session


class LeaseState(NamedTuple):
    """Of a record, what tells whether a lease on it is held."""

    record_id: str
    status: ReplyStatus
    attempt: int
    lease_expires_at: datetime | None
    cancel_requested: bool

    @property
    def is_open(self) -> bool:
        return self.status is ReplyStatus.PROCESSING


async def lock_sessions(connection: Connection, session_ids: Collection[str]) -> dict[str, Session]:
    """Those that exist, by id."""
    rows = await connection.execute(_locking_sessions(connection.dialect), {"session_ids": sorted(session_ids)})
    return {row[0]: Session(*row) for row in rows}


async def lock_records(connection: Connection, record_ids: Collection[str]) -> dict[str, ChatRecord]:
    """Those that exist, by id."""
    rows = await connection.execute(_locking_records(connection.dialect), {"record_ids": sorted(record_ids)})
    return {row[0]: ChatRecord(*row) for row in rows}


async def lock_leases(connection: Connection, record_ids: Collection[str]) -> dict[str, LeaseState]:
    """Of those that exist, by id: without their contents, for this comes every second."""
    rows = await connection.execute(_locking_leases(connection.dialect), {"record_ids": sorted(record_ids)})
    return {row[0]: LeaseState(*row) for row in rows}


async def lock_groups(connection: Connection, of: Collection[ChatRecord]) -> dict[str, list[ChatRecord]]:
    """The groups that these records, of locked sessions, are in: by leader, in the order of the messages.

    A group's records have one status, so an index leads to them. Only a leader ever holds a lease: the others need no order of locks.
    """
    grouped = [record for record in of if record.leader_id is not None]
    if not grouped:
        return {}
    rows = await connection.execute(
        select(*RECORD)
        .where(
            records.c.session_id.in_(sorted({record.session_id for record in grouped})),
            records.c.status.in_(sorted({record.status for record in grouped})),
            records.c.leader_id.in_(sorted({record.answered_by for record in grouped})),
        )
        .order_by(records.c.record_id)
        .with_for_update()
    )
    groups = defaultdict(list)
    for record in sorted((ChatRecord(*row) for row in rows), key=lambda record: record.user_seq):
        groups[record.answered_by].append(record)
    return groups


@cache
def _locking_sessions(dialect: str) -> Select[Any]:
    is_wanted = among(dialect, sessions.c.session_id, "session_ids")
    return select(*SESSION).where(is_wanted).order_by(sessions.c.session_id).with_for_update()


@cache
def _locking_records(dialect: str) -> Select[Any]:
    is_wanted = among(dialect, records.c.record_id, "record_ids")
    return select(*RECORD).where(is_wanted).order_by(records.c.record_id).with_for_update()


@cache
def _locking_leases(dialect: str) -> Select[Any]:
    state = [records.c[name] for name in LeaseState._fields]
    return select(*state).where(among(dialect, records.c.record_id, "record_ids")).order_by(records.c.record_id).with_for_update()
