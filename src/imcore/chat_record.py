"""ChatRecord: the life of one AI reply.

    waiting ──claim──▶ running ──▶ success
       ▲                  │  │
       │◀────release──────┘  ├────▶ failed ────┐
       │   (or lease ran out │                  ├──retry──▶ waiting
       │    and claimed anew)└────▶ cancelled ──┘
       └──────cancel──────────────▶ cancelled

`status` stays 0 while a reply waits and while it runs; a lease in the future tells the two apart. `attempt` grows with
every claim and every retry, and is the fence: whoever holds an older attempt can write nothing any more.

Several records can share one reply (`DoubleTexting.MERGE`). Such a group is made when its oldest record, the leader, is first claimed,
and stays as it is: the leader's reply is written, and all of them begin, end and wait anew together.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from imcore.errors import RETRYABLE_REPLY_CODES, LLMError
from imcore.message import storable
from imcore.value import value


class ReplyStatus(IntEnum):
    PROCESSING = 0
    SUCCESS = 1
    FAILED = 2
    CANCELLED = 3


MAX_ERROR_MESSAGE_CHARS = 500

MAX_ATTEMPTS = 3
"""How often a reply is begun before it is given up: a record whose worker dies each time must end too."""

MAX_MERGED = 50
"""How many messages one reply answers: they must all fit into its prompt."""


@value
class ChatRecord:
    """What is known of one reply. `*_ms` are whole milliseconds, times UTC, tokens as the model counted them.

    `user_seq` is the `seq` of the user's message. `request_content` and `response_content` are JSON objects: what was sent to the
    model, and what it answered (`{"text": …}`, also the text so far of a reply that runs).
    `leader_id` is the same on all records that share one reply, the leader's own included; None on one that is alone.
    What was sent to the model, its answer and its figures are kept with the leader only.
    A claim that raises `attempt` above `attempt_limit` may only end the record; `retry` and `release` raise the limit.
    `queue_ms` is from acceptance to claim, `first_token_ms` from claim to the first token, `duration_ms` from claim to the end.
    """

    record_id: str
    session_id: str
    user_id: str
    user_message_id: str
    created_at: datetime
    updated_at: datetime
    status: ReplyStatus = ReplyStatus.PROCESSING
    user_seq: int = 0
    ai_message_id: str | None = None
    attempt: int = 0
    attempt_limit: int = MAX_ATTEMPTS
    lease_expires_at: datetime | None = None
    cancel_requested: bool = False
    request_content: dict[str, object] | None = None
    response_content: dict[str, object] | None = None
    model: str | None = None
    queue_ms: int | None = None
    first_token_ms: int | None = None
    duration_ms: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    leader_id: str | None = None

    @property
    def answered_by(self) -> str:
        """The record whose reply answers this one's message: itself, or its leader."""
        return self.leader_id or self.record_id

    @property
    def merged_into(self) -> str | None:
        """The leader, None on the leader itself and on one that is alone."""
        return self.leader_id if self.leader_id != self.record_id else None

    @property
    def is_open(self) -> bool:
        """Whether a reply is still to come."""
        return self.status is ReplyStatus.PROCESSING

    def is_running(self, now: datetime) -> bool:
        """Whether somebody holds a lease on it."""
        return self.is_open and self.lease_expires_at is not None and self.lease_expires_at > now

    def is_claimable(self, now: datetime) -> bool:
        return self.is_open and not self.is_running(now)

    @property
    def text(self) -> str:
        """The reply's text so far, "" when there is none."""
        text = (self.response_content or {}).get("text")
        return text if isinstance(text, str) else ""


@value
class Lease:
    """The right to write one reply, until `lease_expires_at`; `attempt` is its fencing token."""

    record_id: str
    session_id: str
    attempt: int


@value
class ReplyOutcome:
    """How an attempt ended. `text` is what the user gets to keep: with SUCCESS always, with CANCELLED if not empty a message is stored."""

    lease: Lease
    status: ReplyStatus
    text: str
    ended_at: datetime
    request_content: dict[str, object] | None = None
    response_content: dict[str, object] | None = None
    model: str | None = None
    queue_ms: int | None = None
    first_token_ms: int | None = None
    duration_ms: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def leaves_message(self) -> bool:
        """Whether the end of this reply is also a message of the session."""
        return self.status is ReplyStatus.SUCCESS or (self.status is ReplyStatus.CANCELLED and bool(self.text))


@value
class ReplyError:
    """Why a reply failed, as clients and the record are told."""

    code: str
    message: str

    @property
    def retryable(self) -> bool:
        """Whether a retry can succeed without anybody changing anything."""
        return self.code in RETRYABLE_REPLY_CODES

    @classmethod
    def of(cls, error: LLMError) -> ReplyError:
        return cls(error.code, storable(error.detail)[:MAX_ERROR_MESSAGE_CHARS])
