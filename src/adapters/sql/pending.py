"""How many replies each user waits for, and what one is told who waits for too many."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.schema import records, sessions
from imcore.chat_record import ReplyStatus
from imcore.errors import RateLimitedError

RETRY_AFTER_S = 5.0
"""About the time of one reply."""


def too_many_pending(max_pending: int) -> RateLimitedError:
    return RateLimitedError(f"{max_pending} replies are still to come; wait for one of them.", RETRY_AFTER_S)


async def open_record_counts(connection: AsyncConnection, user_ids: Collection[str]) -> dict[str, int]:
    """By way of the users' sessions: there an index leads to the open records, however many have ended."""
    if not user_ids:
        return {}
    counts = await connection.execute(
        select(sessions.c.user_id, func.count().label("open_records"))
        .join_from(sessions, records, records.c.session_id == sessions.c.session_id)
        .where(sessions.c.user_id.in_(sorted(user_ids)), records.c.status == ReplyStatus.PROCESSING)
        .group_by(sessions.c.user_id)
    )
    return {row.user_id: row.open_records for row in counts}
