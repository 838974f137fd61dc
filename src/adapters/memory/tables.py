"""What the MessageStore in memory keeps, and the steps that several of its methods share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from imcore.chat_record import ChatRecord, Lease, ReplyStatus
from imcore.ids import AI_USER_ID, reply_message_id
from imcore.message import Message, MessageType
from imcore.session import Session


class MemoryTables:
    """Looking things up costs O(n)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._sessions: dict[str, Session] = {}
        self._messages: dict[str, Message] = {}
        self._records: dict[str, ChatRecord] = {}

    def _append(self, message: Message, *, user_id: str) -> Message:
        session = self._sessions.get(message.session_id) or Session(message.session_id, user_id, 0, message.created_at, message.created_at)
        message = message.numbered(session.last_seq + 1)
        latest = max(session.updated_at, message.created_at)
        self._sessions[session.session_id] = replace(session, last_seq=message.seq, updated_at=latest)
        self._messages[message.message_id] = message
        return message

    def _record_of(self, user_message_id: str) -> ChatRecord | None:
        return next((record for record in self._records.values() if record.user_message_id == user_message_id), None)

    def _group(self, record: ChatRecord) -> list[ChatRecord]:
        """All records that share this one's reply, the leader first."""
        if record.leader_id is None:
            return [record]
        return sorted((one for one in self._records.values() if one.leader_id == record.leader_id), key=lambda one: one.user_seq)

    def _lines(self, session_id: str) -> list[Message]:
        return sorted((line for line in self._messages.values() if line.session_id == session_id), key=lambda line: line.seq)

    def _open(self) -> Iterable[ChatRecord]:
        return (record for record in self._records.values() if record.is_open)

    def _open_of(self, session_id: str) -> list[ChatRecord]:
        return sorted((record for record in self._open() if record.session_id == session_id), key=lambda record: record.user_seq)

    def _is_held(self, lease: Lease) -> bool:
        record = self._records.get(lease.record_id)
        return record is not None and record.is_open and record.attempt == lease.attempt and record.lease_expires_at is not None

    def _keep(self, record: ChatRecord, **changes: object) -> ChatRecord:
        kept = self._records[record.record_id] = replace(record, updated_at=self._now(), **changes)  # type: ignore[arg-type]  # by name
        return kept

    def _end(self, record: ChatRecord, *, text: str | None) -> list[ChatRecord]:
        """Keep the group's final state, and a text that is not None as a message (of a cancelled reply: one that is not empty)."""
        ended = replace(record, lease_expires_at=None)
        if text or (text is not None and record.status is ReplyStatus.SUCCESS):
            message = Message(
                message_id=reply_message_id(record.record_id),
                session_id=record.session_id,
                from_user_id=AI_USER_ID,
                msg_type=MessageType.AI_REPLY,
                msg_content=text,
                created_at=record.updated_at,
                updated_at=record.updated_at,
            )
            ended = replace(ended, ai_message_id=self._append(message, user_id=record.user_id).message_id)
        self._records[record.record_id] = ended
        return [self._share(merged, ended) for merged in self._group(ended)]

    def _share(self, merged: ChatRecord, leader: ChatRecord) -> ChatRecord:
        if merged.record_id == leader.record_id:
            return leader
        shared = self._records[merged.record_id] = replace(
            merged,
            status=leader.status,
            ai_message_id=leader.ai_message_id,
            error_code=leader.error_code,
            error_message=leader.error_message,
            updated_at=leader.updated_at,
        )
        return shared
