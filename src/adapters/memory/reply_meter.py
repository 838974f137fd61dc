"""A meter that keeps what it is told."""

from __future__ import annotations

from collections import Counter

from imcore.chat_record import ChatRecord, Lease, ReplyOutcome
from imcore.ports import ReplyMeter


class MemoryReplyMeter(ReplyMeter):
    """`counts` by event: `started`, `first_token`, `left`, `recovered`, and the name of each ended reply's status."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def reply_started(self, record: ChatRecord) -> None:
        del record
        self.counts["started"] += 1

    def first_token(self, record: ChatRecord, first_token_ms: int) -> None:
        del record, first_token_ms
        self.counts["first_token"] += 1

    def reply_ended(self, outcome: ReplyOutcome) -> None:
        self.counts[outcome.status.name] += 1

    def reply_left(self, lease: Lease) -> None:
        del lease
        self.counts["left"] += 1

    def recovered(self, count: int) -> None:
        self.counts["recovered"] += count
