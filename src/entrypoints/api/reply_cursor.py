"""How far a client has read a reply, so that an event stream neither repeats nor leaves out a character."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imcore.events import ReplyDelta

_EVENT_ID = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")


@dataclass(slots=True)
class ReplyCursor:
    """`offset` code points of `attempt` were read. As text, `attempt:offset`, it is the id of an event."""

    attempt: int = 0
    offset: int = 0

    @classmethod
    def of(cls, last_event_id: str | None) -> ReplyCursor:
        """Where a `Last-Event-ID` says that the client is; the beginning for one that we never gave."""
        match = _EVENT_ID.fullmatch(last_event_id or "")
        return cls(int(match[1]), int(match[2])) if match else cls()

    def __str__(self) -> str:
        return f"{self.attempt}:{self.offset}"

    def begin(self, attempt: int) -> bool:
        """Go over to `attempt`, from its first character on; False if it is not a later one."""
        if attempt <= self.attempt:
            return False
        self.attempt, self.offset = attempt, 0
        return True

    def advance(self, delta: ReplyDelta) -> ReplyDelta | None:
        """The part of `delta` that is new, None if nothing is. A later attempt than the one read begins anew."""
        self.begin(delta.attempt)
        if delta.attempt < self.attempt or delta.offset > self.offset:
            return None  # what lies between is on its way
        new = delta.text[self.offset - delta.offset :]
        if not new:
            return None
        offset, self.offset = self.offset, self.offset + len(new)
        return delta if new is delta.text else ReplyDelta(delta.record_id, delta.attempt, offset, new)
