"""Row locks, always in this order so that no two transactions wait for each other: sessions by id, then records by id.

A session's row lock serialises everything that gives away a `seq` or moves a record from one state to another. SQLite has one
writer at a time and needs none of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.rows import RECORD, SESSION
from adapters.sql.schema import records, sessions
from imcore.chat_record import ChatRecord
from imcore.session import Session


async def lock_sessions(connection: AsyncConnection, session_ids: Collection[str]) -> dict[str, Session]:
    """Those that exist, by id."""
    rows = await connection.execute(
        select(*SESSION).where(sessions.c.session_id.in_(sorted(session_ids))).order_by(sessions.c.session_id).with_for_update()
    )
    return {row.session_id: Session(*row) for row in rows}


async def lock_records(connection: AsyncConnection, record_ids: Collection[str]) -> dict[str, ChatRecord]:
    """Those that exist, by id."""
    rows = await connection.execute(
        select(*RECORD).where(records.c.record_id.in_(sorted(record_ids))).order_by(records.c.record_id).with_for_update()
    )
    return {row.record_id: ChatRecord(*row) for row in rows}


async def lock_groups(connection: AsyncConnection, of: Collection[ChatRecord]) -> dict[str, list[ChatRecord]]:
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
