"""How replies are stopped: those that nobody writes end at once, the writers of the others are asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.sql.bulk import BulkUpdate, Write
from adapters.sql.ends import end_records, reply_message, shared_end
from adapters.sql.rows import values_of
from adapters.sql.schema import records
from adapters.sql.session_log import SessionLog
from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.events import ReplyCancelled
from imcore.message import Message
from imcore.value import value

_ASKED = ("record_id", "cancel_requested", "updated_at")
_ask_to_stop = BulkUpdate(records, *_ASKED)


@value
class Stop:
    """What became of the records that share a reply, the leader first, and the message that it left."""

    group: Sequence[ChatRecord]
    message: Message | None = None

    @property
    def is_over(self) -> bool:
        return not self.group[0].is_open

    @property
    def ends(self) -> list[ReplyCancelled]:
        """What is to be told of one that is over."""
        return [ReplyCancelled(record.record_id, record.attempt, self.message) for record in self.group]


def stop(group: Sequence[ChatRecord], now: datetime, log: SessionLog) -> Stop:
    """`group`: all open records that share one reply, the leader first."""
    leader = group[0]
    if not leader.is_running(now):
        return _ended(group, now, log)
    if leader.cancel_requested:
        return Stop(group)
    return Stop([replace(record, cancel_requested=True, updated_at=now) for record in group])


def stop_records(stops: Sequence[Stop]) -> list[Write]:
    """The state of these records; their messages are in the log."""
    stopped = [record for stop in stops for record in stop.group]
    asked = [record for record in stopped if record.is_open]
    return [
        (_ask_to_stop, [values_of(record, _ASKED) for record in asked]),
        end_records([record for record in stopped if not record.is_open]),
    ]


def _ended(group: Sequence[ChatRecord], now: datetime, log: SessionLog) -> Stop:
    leader, *merged = group
    leader = replace(leader, status=ReplyStatus.CANCELLED, lease_expires_at=None, updated_at=now)
    message = None
    if leader.text:  # of an attempt that nobody goes on with
        message = log.append(reply_message(leader), user_id=leader.user_id)
        leader = replace(leader, ai_message_id=message.message_id)
    return Stop([leader, *(shared_end(record, leader) for record in merged)], message)
