"""Use case: a client comes back and ends up with exactly what is stored, from state and not from a log of events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from imcore.chat_record import ChatRecord, ReplyError, ReplyStatus
from imcore.errors import InvalidRequestError
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyEnded, ReplyEvent, ReplyFailed
from imcore.ids import owned_session_id, reply_message_id
from imcore.live_replies import LiveReplies
from imcore.message import Message
from imcore.ports import MessageStore
from imcore.value import value

RESUME_PAGE = 200
RESUME_CHARS = 100_000
"""A page must fit a frame that clients accept, 1 MiB for many: a character may take six bytes of JSON, and text in progress comes too."""


@value
class ReplySoFar:
    """A reply without an end. `attempt` 0 means that nobody has begun it."""

    record_id: str
    user_message_id: str
    ai_message_id: str
    attempt: int
    text: str


@value
class Resumed:
    """`recovered` is False when the client knows messages that the store does not: it must drop what it has and read anew.

    `messages` follow the client's `after_seq`, `more` says that there are further ones: resume again from the last `seq`.
    `ended` are the ends, without a message among `messages`, of replies that the client asked about.
    """

    session_id: str
    recovered: bool
    messages: Sequence[Message]
    replies: Sequence[ReplySoFar]
    ended: Sequence[ReplyEnded]
    more: bool


@dataclass(frozen=True, slots=True)
class ResumeSession:
    """`deliver` tells a user's connections and `live` of an event."""

    store: MessageStore
    live: LiveReplies
    deliver: Callable[[str, ReplyEvent], None]

    async def __call__(
        self, user_id: str, session_id: str | None = None, *, after_seq: int = 0, known_replies: Sequence[str] = ()
    ) -> Resumed:
        """Call it after the client's connection is subscribed, and send the answer without awaiting anything in between.

        Open records are read before the messages: a reply that ends in between is then seen twice, never not at all.
        """
        if after_seq < 0:
            raise InvalidRequestError("after_seq: 0 or the `seq` of the last message you have.")
        session = owned_session_id(user_id, session_id)
        open_records = await self.store.open_records(user_id, session)
        await self._end_what_has_ended(user_id, {record.record_id for record in open_records})
        last = await self.store.messages(user_id, session, limit=1)
        messages = await self.store.messages(user_id, session, after_seq=after_seq, limit=RESUME_PAGE + 1)
        is_open = {record.record_id for record in open_records}
        leaders = {record.record_id: record for record in open_records}
        ended = [await ended_event(self.store, user_id, record_id) for record_id in known_replies if record_id not in is_open]
        page = _page(messages)
        stored = {message.message_id for message in page}
        return Resumed(
            session_id=session,
            recovered=after_seq <= (last[-1].seq if last else 0),
            messages=page,
            replies=[
                self._so_far(record, leaders.get(record.answered_by, record))
                for record in open_records
                if reply_message_id(record.answered_by) not in stored
            ],
            ended=[event for event in ended if event is not None],
            more=len(messages) > len(page),
        )

    async def _end_what_has_ended(self, user_id: str, is_open: Collection[str]) -> None:
        """Replies whose end is on its way here, or was lost: the client must not be told of their last deltas after this answer."""
        running = [record_id for owner, record_id in self.live.running() if owner == user_id]
        for record_id in (*running, *self.live.elsewhere(user_id)):
            if record_id in is_open:
                continue
            event = await ended_event(self.store, user_id, record_id)
            if event is not None:
                self.deliver(user_id, event)

    def _so_far(self, record: ChatRecord, leader: ChatRecord) -> ReplySoFar:
        so_far = self.live.so_far(record, leader)
        return ReplySoFar(record.record_id, record.user_message_id, reply_message_id(leader.record_id), so_far.attempt, so_far.text)


def _page(messages: Sequence[Message]) -> list[Message]:
    """As many as fit, but one at least."""
    page: list[Message] = []
    chars = 0
    for message in messages[:RESUME_PAGE]:
        chars += len(message.msg_content)
        if page and chars > RESUME_CHARS:
            break
        page.append(message)
    return page


async def leader_of(store: MessageStore, record: ChatRecord) -> ChatRecord:
    """The record whose reply answers this one's message, as it is now."""
    leader = None if record.merged_into is None else await store.record(record.user_id, record.merged_into)
    return leader or record


async def ended_event(store: MessageStore, user_id: str, record_id: str) -> ReplyEnded | None:
    """How a reply of the user's ended, as the event that told it; None while it is open, or if there is none."""
    record = await store.record(user_id, record_id)
    if record is None or record.is_open:
        return None
    message = await store.message(user_id, record.ai_message_id) if record.ai_message_id else None
    if record.status is ReplyStatus.SUCCESS and message is not None:
        return ReplyCompleted(record_id, record.attempt, message)
    if record.status is ReplyStatus.CANCELLED:
        return ReplyCancelled(record_id, record.attempt, message)
    return ReplyFailed(record_id, record.attempt, ReplyError(record.error_code or "", record.error_message or ""))
