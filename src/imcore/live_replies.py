"""LiveReplies: the text so far of the replies that run now, as one process hears it live.

It hands on only what fits without a gap: a client that began with the text from here and applies what is handed on has, at
every moment, a true beginning of the reply. What does not fit makes it ask the writer to show the whole text so far.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from imcore.chat_record import ChatRecord
from imcore.events import ReplyDelta, ReplyEnded, ReplyEvent, ReplyStarted, ShowReply, TellAll

ASK_AGAIN_S = 0.5
SILENT_S = 5.0
MAX_SILENT_S = 60.0
MAX_ENDED = 20_000
MAX_ELSEWHERE = 20_000


@dataclass(slots=True)
class LiveReply:
    """What was heard of one attempt. `parts` joined is the text, `chars` its length in code points.

    `heard_at` and `check_at` (monotonic seconds) say since when nothing was heard of it, and when that becomes something to wonder about.
    """

    user_id: str
    attempt: int
    heard_at: float = 0.0
    check_at: float = 0.0
    parts: list[str] = field(default_factory=list)
    chars: int = 0

    @property
    def text(self) -> str:
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


class LiveReplies:
    """Feed it every event in the order heard; send on what it returns. `here` is this process's name as an origin of replies."""

    def __init__(
        self, ask: Callable[[ShowReply | TellAll], None], monotonic: Callable[[], float] = time.monotonic, *, here: str = ""
    ) -> None:
        self.ends_heard = 0
        self._ask = ask
        self._here = here
        self._monotonic = monotonic
        self._running: dict[str, LiveReply] = {}
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._asked: dict[str, float] = {}
        self._elsewhere: OrderedDict[str, tuple[str, int]] = OrderedDict()  # user and attempt of what nobody reads here

    def hear(self, user_id: str, event: ReplyEvent, *, has_readers: bool = True) -> ReplyEvent | None:
        """Returns what the user's clients are to be told now: the event, the part of it that is new, or nothing.

        What is missing here is asked for if the user `has_readers` here, otherwise when somebody comes to read it.
        """
        if self.has_ended(event.record_id, event.attempt) or event.attempt < self._attempt(event.record_id):
            return None  # of an attempt that is over: a late delta, or a writer that lost its lease and does not know yet
        if isinstance(event, ReplyDelta):
            return self._hear_delta(user_id, event, has_readers=has_readers)
        if isinstance(event, ReplyStarted):
            return self._hear_start(user_id, event, has_readers=has_readers)
        return self._hear_end(event)

    def snapshot(self, record_id: str) -> ReplyDelta | None:
        """The whole text so far as one delta; None if it is not known here."""
        reply = self._running.get(record_id)
        return ReplyDelta(record_id, reply.attempt, 0, reply.text) if reply else None

    def so_far(self, record: ChatRecord, leader: ChatRecord) -> ReplyDelta:
        """The whole text so far of an open record, which is its leader's: as heard here or as stored; what was not heard is asked for.

        Never less than what was handed on of the record itself, for what is handed on next goes on from there.
        """
        heard = self.snapshot(leader.record_id)
        if leader.attempt > 0 and (heard is None or heard.attempt < record.attempt):
            self.ask(record.record_id)
        stored = ReplyDelta(record.record_id, leader.attempt, 0, leader.text)
        known = [delta for delta in (heard, self.snapshot(record.record_id), stored) if delta is not None]
        so_far = max(known, key=lambda delta: (delta.attempt, len(delta.text)))
        return ReplyDelta(record.record_id, so_far.attempt, 0, so_far.text)

    def running(self) -> list[tuple[str, str]]:
        """(user_id, record_id) of every reply whose end was not heard yet."""
        return [(reply.user_id, record_id) for record_id, reply in self._running.items()]

    def silent(self) -> list[tuple[str, str]]:
        """(user_id, record_id) of replies that nothing was heard of for `SILENT_S` seconds; each again later, after as long once more."""
        now = self._monotonic()
        self._asked = {record_id: asked_at for record_id, asked_at in self._asked.items() if now - asked_at < MAX_SILENT_S}
        silent = [(record_id, reply) for record_id, reply in self._running.items() if now >= reply.check_at]
        for _, reply in silent:
            reply.check_at = now + min(MAX_SILENT_S, now - reply.heard_at)
        return [(reply.user_id, record_id) for record_id, reply in silent]

    def has_ended(self, record_id: str, attempt: int) -> bool:
        """Whether the end of this attempt, or of a later one, was heard."""
        return attempt <= self._ended.get(record_id, -1)

    def ended_since(self, ends_heard: int) -> set[str]:
        """The records whose end was heard since `ends_heard` had this value."""
        return set(islice(reversed(self._ended), self.ends_heard - ends_heard))

    def ask(self, record_id: str) -> None:
        """Have the writer of this reply show all it has; not more often than the answer can come."""
        now = self._monotonic()
        if now - self._asked.get(record_id, -ASK_AGAIN_S) >= ASK_AGAIN_S:
            self._asked[record_id] = now
            self._ask(ShowReply(record_id))

    def come_to_read(self, user_id: str) -> None:
        """The user has readers here, as of now: ask for the replies of theirs whose deltas go elsewhere."""
        for record_id in self.elsewhere(user_id):
            self.ask(record_id)

    def elsewhere(self, user_id: str) -> list[str]:
        """The user's replies that began while they had no readers here, and whose deltas go to other processes."""
        return [record_id for record_id, (owner, _) in self._elsewhere.items() if owner == user_id]

    def ask_anew(self) -> None:
        """Starts and answers may have been missed: be told of all that runs, and ask for what is missing although it was asked for."""
        self._asked.clear()
        self._ask(TellAll())

    def forget(self, record_id: str) -> None:
        """The reply is known to be over, though its end was not heard."""
        self._running.pop(record_id, None)
        self._elsewhere.pop(record_id, None)
        self._asked.pop(record_id, None)

    def _begin(self, user_id: str, event: ReplyStarted | ReplyDelta) -> LiveReply:
        self._elsewhere.pop(event.record_id, None)
        reply = self._running[event.record_id] = LiveReply(user_id, event.attempt)
        self._note_heard(reply)
        return reply

    def _note_heard(self, reply: LiveReply) -> None:
        reply.heard_at = self._monotonic()
        reply.check_at = reply.heard_at + SILENT_S

    def _attempt(self, record_id: str) -> int:
        reply = self._running.get(record_id)
        return reply.attempt if reply else self._elsewhere.get(record_id, ("", 0))[1]

    def _hear_start(self, user_id: str, started: ReplyStarted, *, has_readers: bool) -> ReplyStarted | None:
        if started.attempt == self._attempt(started.record_id):
            return None
        is_told_here = started.origin in ("", self._here)
        if not is_told_here and not has_readers:
            self.forget(started.record_id)
            self._elsewhere[started.record_id] = user_id, started.attempt
            if len(self._elsewhere) > MAX_ELSEWHERE:
                self._elsewhere.popitem(last=False)
            return None
        self._begin(user_id, started)
        if not is_told_here:
            self._asked.pop(started.record_id, None)  # whatever was asked before, this attempt has not heard of it
            self.ask(started.record_id)
        return started

    def _hear_delta(self, user_id: str, delta: ReplyDelta, *, has_readers: bool) -> ReplyDelta | None:
        reply = self._running.get(delta.record_id)
        if reply is None or reply.attempt < delta.attempt:
            if delta.offset > 0:
                if has_readers:
                    self.ask(delta.record_id)
                return None
            reply = self._begin(user_id, delta)
        self._note_heard(reply)
        if delta.offset > reply.chars:
            self.ask(delta.record_id)
            return None
        new = delta.text[reply.chars - delta.offset :]
        if not new:
            return None
        offset, reply.chars = reply.chars, reply.chars + len(new)
        reply.parts.append(new)
        return delta if new is delta.text else ReplyDelta(delta.record_id, delta.attempt, offset, new)

    def _hear_end(self, event: ReplyEnded) -> ReplyEnded:
        self.forget(event.record_id)
        self.ends_heard += 1
        self._ended[event.record_id] = event.attempt
        self._ended.move_to_end(event.record_id)
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
        return event
