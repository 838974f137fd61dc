"""Who writes a reply: claims, which also decide what is merged, renewals and hand-backs of leases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, update

from adapters.sql.bulk import BulkUpdate, among, write_together
from adapters.sql.clock import DatabaseClock, database_now, whole_ms
from adapters.sql.connection import PLAN_ANEW, Connection
from adapters.sql.locks import LeaseState, lock_leases, lock_sessions
from adapters.sql.rows import RECORD
from adapters.sql.schema import records
from adapters.sql.windows import Window, read_all
from imcore.chat_record import MAX_MERGED, ChatRecord, Lease, ReplyStatus
from imcore.ports import Claimed, Renewal, RunningReply
from imcore.prompt import MAX_WINDOW_MESSAGES
from imcore.value import value


@value
class Claim:
    session_id: str
    lease_s: float
    history_messages: int
    merge: bool = False


@value
class Renew:
    running: Sequence[RunningReply]
    lease_s: float


def is_held(record: ChatRecord | LeaseState | None, lease: Lease) -> bool:
    """Whether `lease` still is the right to write this record. One that ran out is, until the record is claimed anew."""
    return record is not None and record.is_open and record.attempt == lease.attempt and record.lease_expires_at is not None


_NEVER = datetime.min.replace(tzinfo=UTC)

_begin_records = BulkUpdate(records, "record_id", "attempt", "leader_id", "lease_expires_at", "response_content")
_extend_leases = BulkUpdate(records, "record_id", "lease_expires_at")
_keep_texts = BulkUpdate(records, "record_id", "lease_expires_at", "response_content")


async def claim_all(connection: Connection, claims: Sequence[Claim]) -> list[Claimed | None]:
    """One step for many claims; of several for the same session the first can win."""
    wanted = {claim.session_id: claim for claim in reversed(claims)}
    await lock_sessions(connection, wanted)
    candidates, now = await _candidates(connection, wanted.values())
    claimed = {
        session_id: _begin(_group(rows, merge=wanted[session_id].merge), now, wanted[session_id].lease_s)
        for session_id, rows in candidates.items()
        if not any(record.is_running(now) for record in rows)
    }
    await _revoke(connection, _others(candidates, claimed))
    await write_together(connection, (_begin_records, [_begun_values(record) for group in claimed.values() for record in group]))
    windows = await read_all(connection, [_window(group, wanted[session_id]) for session_id, group in claimed.items()])
    answers = {session_id: Claimed(group, window) for (session_id, group), window in zip(claimed.items(), windows, strict=True)}
    return [answers.pop(claim.session_id, None) for claim in claims]


def _window(group: Sequence[ChatRecord], claim: Claim) -> Window:
    limit = MAX_WINDOW_MESSAGES if len(group) > 1 else claim.history_messages
    return Window(claim.session_id, group[-1].user_seq, limit)


async def _candidates(connection: Connection, claims: Collection[Claim]) -> tuple[dict[str, list[ChatRecord]], datetime]:
    """By session, locked, oldest first: its oldest open record and any other that has a lease (after a retry the oldest may not be the
    one that runs), what shares a reply already, and what could be merged. And the time, which nobody needs where there is none."""
    rows = await connection.execute(
        _locking_candidates(connection.dialect),
        {
            "session_ids": sorted(claim.session_id for claim in claims),
            "merging_ids": sorted(claim.session_id for claim in claims if claim.merge),
        },
    )
    by_session = defaultdict(list)
    for record in sorted((ChatRecord(*row[:-1]) for row in rows), key=lambda record: record.user_seq):
        by_session[record.session_id].append(record)
    return by_session, whole_ms(max((row[-1] for row in rows), default=_NEVER))


@cache
def _locking_candidates(dialect: str) -> Select[Any]:
    other = records.alias("other")
    oldest = (
        select(func.min(other.c.user_seq))
        .where(other.c.session_id == records.c.session_id, other.c.status == ReplyStatus.PROCESSING)
        .scalar_subquery()
    )
    return (
        select(*RECORD, DatabaseClock().label("now"))
        .where(
            among(dialect, records.c.session_id, "session_ids"),
            records.c.status == ReplyStatus.PROCESSING,
            or_(
                records.c.lease_expires_at.is_not(None),
                records.c.user_seq == oldest,
                records.c.leader_id.is_not(None),
                and_(among(dialect, records.c.session_id, "merging_ids"), records.c.attempt == 0),
            ),
        )
        .order_by(records.c.record_id)
        .with_for_update()
        .execution_options(**{PLAN_ANEW: True})
    )


def _group(rows: Sequence[ChatRecord], *, merge: bool) -> list[ChatRecord]:
    """The oldest of a session's candidates and those that share its reply, now that it is begun or since it first was."""
    leader = rows[0]
    if leader.leader_id is not None:
        return [record for record in rows if record.leader_id == leader.record_id]
    group = [record for record in rows if record.attempt == 0][:MAX_MERGED] if merge and leader.attempt == 0 else [leader]
    return group if len(group) == 1 else [replace(record, leader_id=leader.record_id) for record in group]


def _begin(group: Sequence[ChatRecord], now: datetime, lease_s: float) -> list[ChatRecord]:
    """The next attempt, with the text that the last one left; what is stored of it is cleared. The leader alone has the lease.

    `updated_at` stays: it is in an index, without it PostgreSQL changes the row in place.
    """
    leader, *merged = group
    begun = replace(leader, attempt=leader.attempt + 1, lease_expires_at=now + timedelta(seconds=lease_s))
    return [begun, *(replace(record, attempt=begun.attempt) for record in merged)]


def _others(candidates: Mapping[str, Sequence[ChatRecord]], claimed: Mapping[str, Sequence[ChatRecord]]) -> list[str]:
    return sorted(
        record.record_id
        for session_id, group in claimed.items()
        for record in candidates[session_id]
        if record.lease_expires_at is not None and record.record_id != group[0].record_id
    )


def _begun_values(record: ChatRecord) -> dict[str, object]:
    return {
        "record_id": record.record_id,
        "attempt": record.attempt,
        "leader_id": record.leader_id,
        "lease_expires_at": record.lease_expires_at,
        "response_content": None,
    }


async def _revoke(connection: Connection, record_ids: Sequence[str]) -> None:
    """Take away leases that ran out, so that a writer which wakes up late cannot renew one beside the new claim."""
    if record_ids:
        await connection.execute(update(records).where(records.c.record_id.in_(record_ids)).values(lease_expires_at=None))


async def sessions_that_wait(connection: Connection, session_ids: Collection[str]) -> set[str]:
    """Of these sessions those that have an open record without a lease."""
    rows = await connection.execute(_finding_waiting(connection.dialect), {"session_ids": sorted(session_ids)})
    return {session_id for (session_id,) in rows}


@cache
def _finding_waiting(dialect: str) -> Select[Any]:
    return (
        select(records.c.session_id)
        .where(
            among(dialect, records.c.session_id, "session_ids"),
            records.c.status == ReplyStatus.PROCESSING,
            records.c.lease_expires_at.is_(None),
        )
        .execution_options(**{PLAN_ANEW: True})
    )


async def renew_all(connection: Connection, renewals: Sequence[Renew]) -> list[Renewal]:
    """One step for many renewals."""
    stored = await lock_leases(connection, {reply.lease.record_id for renewal in renewals for reply in renewal.running})
    now = await database_now(connection)
    answers = []
    for renewal in renewals:
        held = [reply for reply in renewal.running if is_held(stored.get(reply.lease.record_id), reply.lease)]
        await _extend(connection, held, now=now, lease_s=renewal.lease_s)
        ids = frozenset(reply.lease.record_id for reply in held)
        answers.append(Renewal(held=ids, cancelled=frozenset(id_ for id_ in ids if stored[id_].cancel_requested)))
    return answers


async def _extend(connection: Connection, held: Sequence[RunningReply], *, now: datetime, lease_s: float) -> None:
    """Not `updated_at`: it is indexed, and this comes every second."""
    until = now + timedelta(seconds=lease_s)
    leases = [{"record_id": reply.lease.record_id, "lease_expires_at": until} for reply in held if reply.text is None]
    texts = [
        {"record_id": reply.lease.record_id, "lease_expires_at": until, "response_content": {"text": reply.text}}
        for reply in held
        if reply.text is not None
    ]
    await write_together(connection, (_extend_leases, leases), (_keep_texts, texts))


async def release_all(connection: Connection, leases: Sequence[Lease]) -> list[None]:
    """One step for many hand-backs. The attempt does not count as one that failed, so the limit grows with it."""
    stored = await lock_leases(connection, {lease.record_id for lease in leases})
    held = sorted({lease.record_id for lease in leases if is_held(stored.get(lease.record_id), lease)})
    if held:
        await connection.execute(
            update(records)
            .where(records.c.record_id.in_(held))
            .values(lease_expires_at=None, attempt_limit=records.c.attempt_limit + 1, updated_at=await database_now(connection))
        )
    return [None] * len(leases)
