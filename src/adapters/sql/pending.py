"""How many replies each user waits for, and what one is told who waits for too many."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import Select, func, select

from adapters.sql.bulk import among
from adapters.sql.connection import PLAN_ANEW, Connection
from adapters.sql.schema import records, sessions
from imcore.chat_record import ReplyStatus
from imcore.errors import RateLimitedError

RETRY_AFTER_S = 5.0
"""About the time of one reply."""


def too_many_pending(max_pending: int) -> RateLimitedError:
    return RateLimitedError(f"{max_pending} replies are still to come; wait for one of them.", RETRY_AFTER_S)


async def open_record_counts(connection: Connection, user_ids: Collection[str]) -> dict[str, int]:
    """By way of the users' sessions: there an index leads to the open records, however many have ended."""
    if not user_ids:
        return {}
    counts = await connection.execute(_counting(connection.dialect), {"user_ids": sorted(user_ids)})
    return {user_id: int(open_records) for user_id, open_records in counts}


@cache
def _counting(dialect: str) -> Select[Any]:
    """A subquery for each session, for a planner is free to begin a join with all open records of everybody."""
    of_session = (
        select(func.count())
        .where(records.c.session_id == sessions.c.session_id, records.c.status == ReplyStatus.PROCESSING)
        .scalar_subquery()
    )
    return (
        select(sessions.c.user_id, func.sum(of_session).label("open_records"))
        .where(among(dialect, sessions.c.user_id, "user_ids"))
        .group_by(sessions.c.user_id)
        .execution_options(**{PLAN_ANEW: True})
    )
