"""One reply as its user sees it grow, by the rules for authors of clients in docs/api.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Frame = dict[str, Any]

COMPLETED, FAILED, CANCELLED = "reply.completed", "reply.failed", "reply.cancelled"
ENDS = frozenset({COMPLETED, FAILED, CANCELLED})


@dataclass(slots=True)
class ShownReply:
    """`end` is the first end of the newest attempt. Each method returns what is wrong with what it was told, in words, or None."""

    attempt: int = 0
    text: str = ""
    ai_message_id: str = ""
    end: Frame | None = None

    @property
    def has_ended(self) -> bool:
        return self.end is not None

    def begin(self, attempt: int) -> None:
        """An attempt that is newer than what is shown begins it anew."""
        if attempt > self.attempt:
            self.attempt, self.text = attempt, ""

    def grow(self, frame: Frame, *, caught_up: bool) -> str | None:
        """A delta. Without `caught_up` a gap is what was missed while away, and left for `resumed` to fill."""
        attempt, offset, more = frame["attempt"], frame["offset"], frame["text"]
        if attempt != self.attempt:
            if attempt < self.attempt:
                return None if self.end is not None else f"a delta of attempt {attempt} after attempt {self.attempt} had begun"
            self.begin(attempt)
        if self.end is not None and attempt <= self.end["attempt"]:
            return None  # an end is final for its attempt
        shown = self.text
        if offset == len(shown):
            self.text = shown + more
            return None
        if offset > len(shown):
            return f"a gap: {len(shown)} characters shown, the next is {offset}" if caught_up else None
        again = shown[:offset] + more
        self.text = again
        return None if again.startswith(shown) or shown.startswith(again) else f"other text at {offset} than was shown"

    def show(self, attempt: int, text: str) -> None:
        """The text so far, as `resumed` gives it."""
        self.begin(attempt)
        if attempt == self.attempt and self.end is None:
            self.text = text

    def finish(self, frame: Frame) -> str | None:
        """An end. A second one of the same attempt must say the same."""
        attempt, message = frame["attempt"], frame.get("message")
        if self.end is not None and attempt <= self.end["attempt"]:
            is_other = attempt == self.end["attempt"] and (frame["type"] != self.end["type"] or message != self.end.get("message"))
            return "two different ends" if is_other else None
        self.end = frame
        if message is None:
            self.attempt = max(self.attempt, attempt)
            return None
        shown = self.text if attempt == self.attempt else ""
        self.attempt, self.text, self.ai_message_id = attempt, message["msg_content"], message["message_id"]
        return None if self.text.startswith(shown) else "the text shown is not the one stored"
