"""Whatever users, writers and clocks do to a store: a record moves only as it may, and no reply is doubled or out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from adapters.memory.message_store import MemoryMessageStore
from imcore.chat_record import ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.clock import utc_now
from imcore.double_texting import DoubleTexting
from imcore.errors import LeaseLostError, NotRetryableError, ReplyInProgressError
from imcore.ids import new_id, reply_message_id
from imcore.message import Message, MessageType
from imcore.ports import RunningReply

T = TypeVar("T")

USER = "ann"
SESSIONS = ("ann", "ann:2")
LEASE_S = 10.0

MOVES = {
    ReplyStatus.PROCESSING: set(ReplyStatus),
    ReplyStatus.SUCCESS: {ReplyStatus.SUCCESS},
    ReplyStatus.FAILED: {ReplyStatus.FAILED, ReplyStatus.PROCESSING},
    ReplyStatus.CANCELLED: {ReplyStatus.CANCELLED, ReplyStatus.PROCESSING},
}


class Store(RuleBasedStateMachine):
    """Leases are kept for ever, so that writers which lost theirs go on trying."""

    @initialize()
    def open(self) -> None:
        self.shift = timedelta()
        self.loop = asyncio.new_event_loop()
        self.store = MemoryMessageStore(lambda: utc_now() + self.shift)
        self.sent: list[tuple[Message, ChatRecord]] = []
        self.leases: list[Lease] = []
        self.seen: dict[str, ChatRecord] = {}

    def teardown(self) -> None:
        self.loop.close()

    def do(self, step: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(step)

    @rule(session_id=st.sampled_from(SESSIONS), mode=st.sampled_from(DoubleTexting))
    def send(self, session_id: str, mode: DoubleTexting) -> None:
        now = utc_now()
        message = Message(new_id(), session_id, USER, MessageType.TEXT, f"question {len(self.sent)}", now, now)
        record = ChatRecord(new_id(), session_id, USER, message.message_id, now, now)
        waiting = self.do(self.store.open_records(USER, session_id))
        try:
            stored = self.do(self.store.add(message, record, double_texting=mode))
        except ReplyInProgressError:
            assert mode is DoubleTexting.REJECT
            assert waiting
            return
        assert not stored.duplicate
        assert not (mode is DoubleTexting.REJECT and waiting)
        assert len(stored.cancelled) + len(stored.stopped) <= (len(waiting) if mode is DoubleTexting.INTERRUPT else 0)
        self.sent.append((message, record))

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        if self.sent:
            message, record = data.draw(st.sampled_from(self.sent))
            stored = self.do(self.store.add(message, ChatRecord(new_id(), message.session_id, USER, message.message_id, *[utc_now()] * 2)))
            assert stored.duplicate
            assert stored.record.record_id == record.record_id

    @rule(session_id=st.sampled_from(SESSIONS), merge=st.booleans())
    def claim(self, session_id: str, merge: bool) -> None:
        claimed = self.do(self.store.claim(session_id, lease_s=LEASE_S, merge=merge))
        if claimed is not None:
            self.leases.append(Lease(claimed.record.record_id, session_id, claimed.record.attempt))
            assert [record.record_id for record in claimed.group] == self.group(claimed.record)
            assert claimed.window[-1].message_id == claimed.group[-1].user_message_id

    @rule(data=st.data(), status=st.sampled_from([ReplyStatus.SUCCESS, ReplyStatus.FAILED, ReplyStatus.CANCELLED]))
    def finish(self, data: st.DataObject, status: ReplyStatus) -> None:
        if not self.leases:
            return
        lease = data.draw(st.sampled_from(self.leases))
        before = self.record(lease.record_id)
        outcome = ReplyOutcome(lease, status, f"attempt {lease.attempt} of {lease.record_id}", utc_now())
        try:
            finished = self.do(self.store.finish(outcome))
        except LeaseLostError:
            assert not (before.is_open and before.attempt == lease.attempt and before.lease_expires_at is not None)
        else:
            assert before.attempt == lease.attempt
            assert self.record(lease.record_id).status is status
            waiting = self.do(self.store.open_records(USER, lease.session_id))
            assert finished.session_waits == any(record.lease_expires_at is None for record in waiting)

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        if self.leases:
            lease = data.draw(st.sampled_from(self.leases))
            renewal = self.do(self.store.renew([RunningReply(lease, "so far")], lease_s=LEASE_S))
            record = self.record(lease.record_id)
            assert (lease.record_id in renewal.held) <= (record.is_open and record.attempt == lease.attempt)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.leases:
            self.do(self.store.release(data.draw(st.sampled_from(self.leases))))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.sent:
            record = self.do(self.store.cancel(USER, data.draw(st.sampled_from(self.sent))[1].record_id))
            assert record is not None
            assert not record.is_open or record.cancel_requested

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        if self.sent:
            record_id = data.draw(st.sampled_from(self.sent))[1].record_id
            try:
                record = self.do(self.store.retry(USER, record_id))
                assert record is not None
                assert record.is_open
            except NotRetryableError:
                assert self.record(record_id).status is ReplyStatus.SUCCESS

    @rule(seconds=st.floats(0, 2 * LEASE_S))
    def time_passes(self, seconds: float) -> None:
        self.shift += timedelta(seconds=seconds)

    @invariant()
    def records_move_only_as_they_may(self) -> None:
        for _, sent in self.sent:
            record = self.record(sent.record_id)
            before = self.seen.get(record.record_id, record)
            assert record.status in MOVES[before.status]
            assert record.attempt >= before.attempt
            self.seen[record.record_id] = record

    @invariant()
    def one_reply_runs_in_a_session_at_a_time(self) -> None:
        now = utc_now() + self.shift
        for session_id in SESSIONS:
            records = self.do(self.store.open_records(USER, session_id))
            assert len({record.answered_by for record in records if record.is_running(now)}) <= 1

    @invariant()
    def each_message_has_at_most_one_reply_and_each_reply_its_record(self) -> None:
        records = [self.record(sent.record_id) for _, sent in self.sent]
        answered = [record for record in records if record.ai_message_id is not None]
        expected = {record.ai_message_id: self.record(record.answered_by).text for record in answered}
        assert all(record.ai_message_id == reply_message_id(record.answered_by) for record in answered)
        found = [
            message
            for session_id in SESSIONS
            for message in self.do(self.store.messages(USER, session_id, limit=1000))
            if message.msg_type is MessageType.AI_REPLY
        ]
        assert sorted(message.message_id for message in found) == sorted(expected)
        assert {message.message_id: message.msg_content for message in found} == expected

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        audit = self.do(self.store.audit(older_than_s=-3600))
        assert (audit.messages_without_record, audit.success_without_reply, audit.replies_without_record, audit.double_replies) == (0,) * 4

    def group(self, record: ChatRecord) -> list[str]:
        return [one.record_id for one in self.do(self.store.group_of(record))]

    def record(self, record_id: str) -> ChatRecord:
        record = self.do(self.store.record(USER, record_id))
        assert record is not None
        return record


TestStore = Store.TestCase
