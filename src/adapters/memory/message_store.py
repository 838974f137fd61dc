"""A MessageStore in the memory of one event loop: for tests, and to embed imcore where nothing has to outlive the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.memory.audit import audited
from adapters.memory.tables import MemoryTables
from imcore.chat_record import MAX_ATTEMPTS, MAX_MERGED, ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.clock import utc_now
from imcore.double_texting import DoubleTexting
from imcore.errors import (
    ForbiddenError,
    InvalidRequestError,
    LeaseLostError,
    MessageConflictError,
    NotRetryableError,
    RateLimitedError,
    ReplyInProgressError,
)
from imcore.events import ReplyCancelled
from imcore.ids import reply_message_id
from imcore.message import Message, MessageType
from imcore.ports import Audit, Claimed, Finished, MessageStore, RecordPage, Renewal, RunningReply, Stored
from imcore.prompt import HISTORY_MESSAGES, MAX_WINDOW_MESSAGES
from imcore.session import Session

RETRY_AFTER_S = 5.0


class MemoryMessageStore(MemoryTables, MessageStore):
    """No method waits, so each is one atomic step. `now` is the clock that leases go by."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now)

    async def add(
        self,
        message: Message,
        record: ChatRecord,
        *,
        max_pending: int | None = None,
        double_texting: DoubleTexting = DoubleTexting.QUEUE,
    ) -> Stored:
        known = self._messages.get(message.message_id)
        if known is not None:
            return self._repeated(message, known)
        session = self._sessions.get(message.session_id)
        if session is not None and session.user_id != record.user_id:
            raise ForbiddenError("This session belongs to another user.")
        in_session = self._open_of(message.session_id)
        if double_texting is DoubleTexting.REJECT and in_session:
            raise ReplyInProgressError("The session still waits for a reply; send this when it has come, or cancel it first.")
        interrupted = in_session if double_texting is DoubleTexting.INTERRUPT else []
        self._check_pending(record.user_id, max_pending, interrupted=len(interrupted))
        stopped = [self._stop(self._group(leader)) for leader in interrupted if leader.merged_into is None]
        message = self._append(message, user_id=record.user_id)
        record = self._records[record.record_id] = replace(record, user_seq=message.seq, updated_at=self._now())
        return Stored(
            message,
            record,
            duplicate=False,
            stopped=tuple(group[0].record_id for group in stopped if group[0].is_open),
            cancelled=tuple(self._end_of(ended) for group in stopped for ended in group if not ended.is_open),
        )

    def _check_pending(self, user_id: str, max_pending: int | None, *, interrupted: int = 0) -> None:
        if max_pending is not None and sum(record.user_id == user_id for record in self._open()) - interrupted >= max_pending:
            raise RateLimitedError(f"{max_pending} replies are still to come; wait for one of them.", RETRY_AFTER_S)

    def _end_of(self, cancelled: ChatRecord) -> ReplyCancelled:
        return ReplyCancelled(cancelled.record_id, cancelled.attempt, self._messages.get(cancelled.ai_message_id or ""))

    def _repeated(self, message: Message, known: Message) -> Stored:
        record = self._record_of(known.message_id)
        if record is None or not message.says_the_same_as(known):
            raise MessageConflictError("message_id: taken by another message; send this one with another id.")
        return Stored(known, record, duplicate=True)

    async def message(self, user_id: str, message_id: str) -> Message | None:
        message = self._messages.get(message_id)
        return message if message and self._sessions[message.session_id].user_id == user_id else None

    async def messages(
        self, user_id: str, session_id: str, *, after_seq: int | None = None, before_seq: int | None = None, limit: int
    ) -> list[Message]:
        session = self._sessions.get(session_id)
        if session is None or session.user_id != user_id:
            return []
        found = self._lines(session_id)
        if before_seq is not None:
            found = [message for message in found if message.seq < before_seq]
        if after_seq is not None:
            return [message for message in found if message.seq > after_seq][:limit]
        return found[-limit:]

    async def sessions(self, user_id: str, *, limit: int) -> list[Session]:
        own = (session for session in self._sessions.values() if session.user_id == user_id)
        return sorted(own, key=lambda session: session.updated_at, reverse=True)[:limit]

    async def record(self, user_id: str, record_id: str) -> ChatRecord | None:
        record = self._records.get(record_id)
        return record if record and record.user_id == user_id else None

    async def record_of(self, user_id: str, user_message_id: str) -> ChatRecord | None:
        record = self._record_of(user_message_id)
        return record if record and record.user_id == user_id else None

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
        matching = [
            (place, record)
            for place, record in enumerate(self._records.values())
            if record.user_id == user_id
            and (session_id is None or record.session_id == session_id)
            and (status is None or record.status is status)
            and (user_message_id is None or record.user_message_id == user_message_id)
        ]
        before = len(self._records) if cursor is None else self._place(cursor)
        page = [(place, record) for place, record in reversed(matching) if place < before]
        more = len(page) > limit
        items = [replace(record, request_content=None) for _, record in page[:limit]]
        return RecordPage(items, f"before-{page[limit - 1][0]}" if more else None)

    def _place(self, cursor: str) -> int:
        prefix, _, place = cursor.partition("-")
        if prefix != "before" or not (place.isascii() and place.isdigit()):
            raise InvalidRequestError("cursor: pass the `next_cursor` of the page before, unchanged.")
        return int(place)

    async def changed_since(self, user_id: str, since: datetime, *, limit: int) -> list[ChatRecord]:
        changed = [record for record in self._records.values() if record.user_id == user_id and record.updated_at > since]
        oldest_first = sorted(changed, key=lambda record: record.updated_at)
        return [replace(record, request_content=None) for record in oldest_first[-limit:]]

    async def open_records(self, user_id: str, session_id: str) -> list[ChatRecord]:
        return [record for record in self._open_of(session_id) if record.user_id == user_id]

    async def group_of(self, record: ChatRecord) -> list[ChatRecord]:
        return self._group(record)

    async def cancel(self, user_id: str, record_id: str) -> ChatRecord | None:
        record = await self.record(user_id, record_id)
        if record is not None and record.is_open:
            self._stop(self._group(record))
        return await self.record(user_id, record_id)

    def _stop(self, group: Sequence[ChatRecord]) -> list[ChatRecord]:
        leader = group[0]
        if not leader.is_running(self._now()):
            return self._end(self._keep(leader, status=ReplyStatus.CANCELLED), text=leader.text)
        if leader.cancel_requested:
            return list(group)
        return [self._keep(record, cancel_requested=True) for record in group]

    async def retry(self, user_id: str, record_id: str, *, max_pending: int | None = None) -> ChatRecord | None:
        record = await self.record(user_id, record_id)
        if record is None or record.is_open:
            return record
        if record.status is ReplyStatus.SUCCESS:
            raise NotRetryableError("This message has its reply; only a failed or cancelled one can be retried.")
        self._check_pending(user_id, max_pending)
        if record.ai_message_id:
            del self._messages[record.ai_message_id]
        for ended in self._group(record):
            self._records[ended.record_id] = self._anew(ended)
        return self._records[record_id]

    def _anew(self, record: ChatRecord) -> ChatRecord:
        return ChatRecord(
            record_id=record.record_id,
            session_id=record.session_id,
            user_id=record.user_id,
            user_message_id=record.user_message_id,
            user_seq=record.user_seq,
            created_at=record.created_at,
            updated_at=self._now(),
            attempt=record.attempt + 1,
            attempt_limit=record.attempt + 1 + MAX_ATTEMPTS,
            leader_id=record.leader_id,
        )

    async def claim(
        self, session_id: str, *, lease_s: float, history_messages: int = HISTORY_MESSAGES, merge: bool = False
    ) -> Claimed | None:
        now = self._now()
        waiting = self._open_of(session_id)
        if not waiting or any(record.is_running(now) for record in waiting):
            return None
        for other in waiting[1:]:  # a writer that wakes up late cannot renew beside this claim
            self._records[other.record_id] = replace(other, lease_expires_at=None)
        oldest = waiting[0]
        if merge and oldest.attempt == 0:
            self._merge([record for record in waiting if record.attempt == 0][:MAX_MERGED])
        for record in self._group(self._records[oldest.record_id]):
            self._keep(record, attempt=oldest.attempt + 1, response_content=None)
        anew = self._keep(self._records[oldest.record_id], lease_expires_at=now + timedelta(seconds=lease_s))
        _, *merged = self._group(anew)
        group = [replace(anew, response_content=oldest.response_content), *merged]
        limit = MAX_WINDOW_MESSAGES if merged else history_messages
        return Claimed(group, self._window(session_id, user_seq=group[-1].user_seq, limit=limit))

    def _merge(self, group: Sequence[ChatRecord]) -> None:
        if len(group) > 1:
            for record in group:
                self._keep(record, leader_id=group[0].record_id)

    async def renew(self, running: Sequence[RunningReply], *, lease_s: float) -> Renewal:
        held = [reply for reply in running if self._is_held(reply.lease)]
        for reply in held:
            record = self._records[reply.lease.record_id]
            content = record.response_content if reply.text is None else {"text": reply.text}
            self._keep(record, lease_expires_at=self._now() + timedelta(seconds=lease_s), response_content=content)
        ids = frozenset(reply.lease.record_id for reply in held)
        return Renewal(held=ids, cancelled=frozenset(id_ for id_ in ids if self._records[id_].cancel_requested))

    async def finish(self, outcome: ReplyOutcome) -> Finished:
        message = self._finish(outcome)
        return Finished(message, any(record.lease_expires_at is None for record in self._open_of(outcome.lease.session_id)))

    def _finish(self, outcome: ReplyOutcome) -> Message | None:
        record = self._records.get(outcome.lease.record_id)
        if record is not None and (record.status, record.attempt) == (outcome.status, outcome.lease.attempt):
            return self._messages.get(record.ai_message_id or "")
        if record is None or not self._is_held(outcome.lease):
            raise LeaseLostError("The reply has ended or is another writer's now.")
        if outcome.leaves_message and reply_message_id(record.record_id) in self._messages:
            raise MessageConflictError("The id of the reply is taken by another message.")
        record = replace(
            record,
            status=outcome.status,
            request_content=outcome.request_content,
            response_content=outcome.response_content or ({"text": outcome.text} if outcome.text else None),
            model=outcome.model,
            queue_ms=outcome.queue_ms,
            first_token_ms=outcome.first_token_ms,
            duration_ms=outcome.duration_ms,
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            error_code=outcome.error_code,
            error_message=outcome.error_message,
            updated_at=outcome.ended_at,
        )
        ended = self._end(record, text=outcome.text if outcome.leaves_message else None)
        return self._messages.get(ended[0].ai_message_id or "")

    async def release(self, lease: Lease) -> None:
        if self._is_held(lease):
            record = self._records[lease.record_id]
            self._keep(record, lease_expires_at=None, attempt_limit=record.attempt_limit + 1)

    def _window(self, session_id: str, *, user_seq: int, limit: int) -> list[Message]:
        newest_first: dict[str, Message] = {}
        for message in reversed(self._lines(session_id)):
            if message.msg_type is MessageType.TEXT and message.seq <= user_seq:
                record = self._record_of(message.message_id)
                reply = self._messages.get(record.ai_message_id or "") if record and message.seq < user_seq else None
                for line in (reply, message):
                    if line is not None:
                        newest_first.setdefault(line.message_id, line)  # a reply to several messages stays with the newest of them
        return list(newest_first.values())[:limit][::-1]

    async def due_sessions(self, *, waiting_s: float, limit: int) -> list[str]:
        now = self._now()
        before = now - timedelta(seconds=waiting_s)
        due = []
        for session_id in {record.session_id: None for record in sorted(self._open(), key=lambda record: record.created_at)}:
            waiting = self._open_of(session_id)
            is_late = waiting[0].lease_expires_at is not None or waiting[0].updated_at < before
            if is_late and not any(record.is_running(now) for record in waiting):
                due.append(session_id)
        return due[:limit]

    async def open_record_count(self) -> int:
        return sum(1 for _ in self._open())

    async def audit(self, *, older_than_s: float) -> Audit:
        before = self._now() - timedelta(seconds=older_than_s)
        return audited(self._messages.values(), self._records.values(), before)

    async def ping(self) -> None:
        """It always answers."""
