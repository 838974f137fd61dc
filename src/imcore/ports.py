"""The outside on one page. Adapters inherit these protocols; `tests/contracts` tests every sentence over every adapter.

The database is the truth: `ReplyQueue` and `Notifier` are only fast hints, so a hint that is lost, repeated or late is harmless.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from imcore.chat_record import ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.events import ReplyCancelled, ReplyEvent, WriterRequest
from imcore.message import Message
from imcore.prompt import HISTORY_MESSAGES, Prompt
from imcore.session import Session
from imcore.value import value


@value
class Stored:
    """What the store holds for a send; `duplicate` when it held it before.

    What the send interrupted: `stopped` are the records whose writers were asked to stop, `cancelled` the ends of those that nobody wrote.
    """

    message: Message
    record: ChatRecord
    duplicate: bool
    stopped: Sequence[str] = ()
    cancelled: Sequence[ReplyCancelled] = ()


@value
class Claimed:
    """A reply to be written: the records that it answers, in the order of their messages, and the conversation that leads to them.

    Only the first has the lease. The last line of `window` is the message of the last record.
    """

    group: Sequence[ChatRecord]
    window: Sequence[Message]

    @property
    def record(self) -> ChatRecord:
        """The one that has the lease."""
        return self.group[0]


@value
class Finished:
    """What a reply left: its message, if there is one, and whether its session has an open record that nobody holds a lease of."""

    message: Message | None
    session_waits: bool


@value
class RunningReply:
    """What a renewal sends: the lease and, if it changed since the last renewal, the text so far."""

    lease: Lease
    text: str | None = None


@value
class Renewal:
    """What a renewal answers: `held` leases live on; of those, `cancelled` ones were asked to stop. All others are lost."""

    held: frozenset[str]
    cancelled: frozenset[str]


@value
class RecordPage:
    """Newest first; `next_cursor` is None on the last page."""

    items: Sequence[ChatRecord]
    next_cursor: str | None


@value
class Audit:
    """Counts that are all 0 in a healthy database. Each of them names a message or a reply that was lost or doubled."""

    messages_without_record: int
    records_not_final: int
    success_without_reply: int
    replies_without_record: int
    double_replies: int

    @property
    def is_clean(self) -> bool:
        return not any(
            (
                self.messages_without_record,
                self.records_not_final,
                self.success_without_reply,
                self.replies_without_record,
                self.double_replies,
            )
        )


class MessageStore(Protocol):
    """Keeps sessions, messages and AI chat records. Every method is one atomic, durable step; concurrent calls are safe.

    An adapter may commit many callers' steps in one transaction: each caller is answered only after that commit, and the error
    of one never fails another. Every method can raise `StoreUnavailableError`: then nothing was kept, or the same call is safe
    to repeat. Reads see every step that was answered before they began.
    """

    # A user's side

    @abstractmethod
    async def add(
        self,
        message: Message,
        record: ChatRecord,
        *,
        max_pending: int | None = None,
        double_texting: DoubleTexting = DoubleTexting.QUEUE,
    ) -> Stored:
        """Commit a user's message together with the waiting record of its reply; the session is made by its first message.

        The message gets the session's next `seq`, the record the same number as its `user_seq`: in each session messages are
        visible in the order of `seq`. The same `message_id` with the same sender, session and content changes nothing and
        returns what is stored, also when both come at the same time through two stores.

        If the session has open records, `INTERRUPT` does to each of them what `cancel` does, in the same step; `QUEUE` and `MERGE` leave
        them alone. Of many sends at the same time with `REJECT`, through any number of stores, one is kept.

        Raises:
            MessageConflictError: the id is taken by another message.
            ForbiddenError: the session exists and is another user's.
            ReplyInProgressError: `REJECT`, and the session has an open record.
            RateLimitedError: the user already has `max_pending` open records, not counting those that are interrupted.
            (A repetition is answered all the same.)
        """

    @abstractmethod
    async def message(self, user_id: str, message_id: str) -> Message | None:
        """One message out of the user's own sessions."""

    @abstractmethod
    async def messages(
        self, user_id: str, session_id: str, *, after_seq: int | None = None, before_seq: int | None = None, limit: int
    ) -> list[Message]:
        """At most `limit` messages of one of the user's own sessions, oldest first.

        `after_seq` gives those that follow it, `before_seq` those just before it, neither the newest. The cost does not depend on
        the session's length. Another user's or an unknown session has none.
        """

    @abstractmethod
    async def sessions(self, user_id: str, *, limit: int) -> list[Session]:
        """The user's sessions, the one written to last first."""

    @abstractmethod
    async def record(self, user_id: str, record_id: str) -> ChatRecord | None:
        """One of the user's own records."""

    @abstractmethod
    async def record_of(self, user_id: str, user_message_id: str) -> ChatRecord | None:
        """The record of the reply to one of the user's own messages."""

    @abstractmethod
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
        """The user's own records that match all filters given, newest first, without their `request_content`.

        Raises:
            InvalidRequestError: `cursor` is not a `next_cursor` that this store gave.
        """

    @abstractmethod
    async def changed_since(self, user_id: str, since: datetime, *, limit: int) -> list[ChatRecord]:
        """The user's own records that were sent, ended, or were asked to stop after `since`: their `updated_at` is later.

        Oldest change first; of more than `limit` the latest. Without their `request_content`. The cost does not depend on how many
        records there are.
        """

    @abstractmethod
    async def open_records(self, user_id: str, session_id: str) -> list[ChatRecord]:
        """The session's records without an end, in the order of their messages, with the text so far as last renewed."""

    @abstractmethod
    async def group_of(self, record: ChatRecord) -> list[ChatRecord]:
        """All records that share this one's reply, in the order of their messages, the leader first; only itself if it is alone."""

    @abstractmethod
    async def cancel(self, user_id: str, record_id: str) -> ChatRecord | None:
        """Ask for the end of a reply; returns the record as it is afterwards, None if the user has no such record.

        One that waits is `CANCELLED` at once; text that an attempt left behind becomes its message. One that runs gets
        `cancel_requested`: its writer ends it. One that has ended stays as it is. So does one that was asked before.
        All that share the reply go with it.
        """

    @abstractmethod
    async def retry(self, user_id: str, record_id: str, *, max_pending: int | None = None) -> ChatRecord | None:
        """Let a failed or cancelled reply be written anew, as a further attempt of the same record.

        It waits again; the message that a cancelled one left is taken back. `attempt` grows by one, so that what is told of the record
        from now on, also before it is claimed, is not taken for the attempt that has ended; the next claim raises it once more.
        One that is open already stays as it is. All that share the reply go with it.

        Raises:
            NotRetryableError: the reply succeeded.
            RateLimitedError: the user already has `max_pending` open records.
        """

    # A writer's side

    @abstractmethod
    async def claim(
        self, session_id: str, *, lease_s: float, history_messages: int = HISTORY_MESSAGES, merge: bool = False
    ) -> Claimed | None:
        """Take the session's oldest open record for `lease_s` seconds of the store's own clock, with the conversation that leads to it.

        `attempt` grows by one and is the fence of everything that follows. A new attempt starts with no text: the stored text so far
        is cleared, the record returned still has what the last attempt left. None if the session has no open record, or if
        one of them runs: so one reply runs in a session at a time, in the order of the messages. Of many concurrent claims, through any
        number of stores, one wins.

        With `merge` a record that nobody has begun yet becomes the leader of all others in its session that nobody has begun, the oldest
        `MAX_MERGED` in all; `leader_id` is set on each of them. Whoever shares a reply gets the leader's `attempt` with each claim.

        The conversation is at most `history_messages` lines, for a group `MAX_WINDOW_MESSAGES`, oldest first; each reply is in it once,
        right after the message it answers (of several: the newest); later messages of the user are left out. The cost does not depend
        on the session's length.
        """

    @abstractmethod
    async def renew(self, running: Sequence[RunningReply], *, lease_s: float) -> Renewal:
        """Extend the leases that are still held (record open, `attempt` unchanged, not handed back) and keep their text so far."""

    @abstractmethod
    async def finish(self, outcome: ReplyOutcome) -> Finished:
        """Commit a reply's end: the record's final state and, if the outcome leaves one, the reply message, in one step.

        Records that share the reply end with the leader's status, error and message. The message's id is `reply_message_id(record_id)`,
        its `seq` the session's next. A holder that cannot know whether its end was kept may repeat it: the same lease and
        status again change nothing and return what is stored.

        Raises:
            LeaseLostError: the record has ended or was claimed anew; nothing was kept.
            MessageConflictError: the reply's id is taken by a message of somebody else's making; nothing was kept.
        """

    @abstractmethod
    async def release(self, lease: Lease) -> None:
        """Hand a running record back, to wait as before; does nothing if the lease is lost already."""

    @abstractmethod
    async def due_sessions(self, *, waiting_s: float, limit: int) -> list[str]:
        """Sessions that somebody should claim from: their oldest open record waits for longer than `waiting_s`, or its lease ran out."""

    # An operator's side

    @abstractmethod
    async def open_record_count(self) -> int:
        """How many replies are still to come, waiting or running, over all users."""

    @abstractmethod
    async def audit(self, *, older_than_s: float) -> Audit:
        """Count what is lost or doubled among the records and messages older than `older_than_s`."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store answers and has the schema that this code needs.

        Raises:
            SchemaOutdatedError: it answers, with another schema.
        """


class ReplyQueue(Protocol):
    """Rings the bell at the writers: a hint names sessions with open records, nothing more. The store decides who writes what."""

    @abstractmethod
    def enqueue(self, session_ids: Collection[str]) -> None:
        """Hint that these sessions have open records. Call it after the commit.

        Returns at once, never waits for a broker and never raises because of one: a hint that cannot be delivered is dropped (and
        counted); recovery finds the record. Sessions hinted close together may travel in one task. To be called on the event loop.
        """

    @abstractmethod
    async def length(self) -> int | None:
        """How many hints lie in the broker, None if it does not answer."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if hints can be delivered now; raises `QueueUnavailableError` within about a second if not."""


class Notifier(Protocol):
    """Tells whoever listens right now, at most once and in the order of publishing: replies' events to the users' connections,
    requests to the writers.

    Both `publish` methods return at once and never raise because of a broker: what cannot be delivered is dropped, and a
    listener that was cut off hears of it through `on_gap`. Deltas of one reply that lie close together may be merged.
    To be called on the event loop.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What this process is called where something is told to one process alone; empty if nothing ever is."""

    @abstractmethod
    def publish(self, user_id: str, event: ReplyEvent, *, origin: str = "") -> None:
        """Tell every listener for events, in every process; with an `origin` at least those of the process with that `name`.

        Between two events that one listener is told, the order is that of publishing, whatever their origins.
        """

    @abstractmethod
    def publish_request(self, request: WriterRequest) -> None:
        """Ask every listener for requests, in every process."""

    @abstractmethod
    def listen(
        self,
        *,
        on_event: Callable[[str, ReplyEvent], None] | None = None,
        on_request: Callable[[WriterRequest], None] | None = None,
        on_gap: Callable[[], None] | None = None,
    ) -> None:
        """Call back, on the event loop, for all that is published from now until the notifier is closed.

        `on_gap` is called when events may have been missed, here or on the publisher's side, and the connection is back: read the store.
        """

    @abstractmethod
    async def ping(self) -> None:
        """Return if messages can be delivered now; raises `NotifierUnavailableError` within about a second if not."""


class LLMChunk(NamedTuple):
    """A piece of a reply. Only the last one has a `finish_reason`; usage and model come with whichever piece carries them."""

    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None


class LLMClient(Protocol):
    """Writes one reply."""

    @abstractmethod
    def request(self, prompt: Prompt) -> Mapping[str, object]:
        """The exact request that `stream` makes for this prompt, as JSON: `{"model": …, "messages": [{"role", "content"}, …], …}`.

        No secret is in it.
        """

    @abstractmethod
    def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        """The reply, piece by piece, the whole of it in one piece where the client is set to whole replies.

        Ends after a chunk with a `finish_reason`. Closing the generator, or cancelling the task that reads it, closes the connection to the
        provider at once.

        Raises:
            LLMError: one of its typed kinds. Before the first chunk retries and fallback models have been tried; after it
                the text so far is not the whole reply.
        """


class ReplyMeter(Protocol):
    """Counts what happens to replies, for the operator. Never raises, never waits."""

    @abstractmethod
    def reply_started(self, record: ChatRecord) -> None:
        """A reply was claimed; `reply_ended` or `reply_left` follows."""

    @abstractmethod
    def first_token(self, record: ChatRecord, first_token_ms: int) -> None:
        """The model's first piece came."""

    @abstractmethod
    def reply_ended(self, outcome: ReplyOutcome) -> None:
        """Its end is committed."""

    @abstractmethod
    def reply_left(self, lease: Lease) -> None:
        """It was handed back or lost to another writer."""

    @abstractmethod
    def recovered(self, count: int) -> None:
        """A sweep found this many sessions that nobody served."""
