"""What the stand-in model has seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Seen:
    """`running` are calls being answered now, `running_max` the most there were at once; `ended` had their whole reply.

    `closed_by_client` left before the end; `faults` counts by kind what was given instead of a reply, `over_limit` the calls refused
    because too many ran.
    """

    calls: int = 0
    running: int = 0
    running_max: int = 0
    ended: int = 0
    closed_by_client: int = 0
    tokens: int = 0
    over_limit: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        self.calls += 1
        self.running += 1
        self.running_max = max(self.running_max, self.running)

    def as_json(self) -> dict[str, object]:
        return {
            "calls": self.calls,
            "running": self.running,
            "running_max": self.running_max,
            "ended": self.ended,
            "closed_by_client": self.closed_by_client,
            "tokens": self.tokens,
            "over_limit": self.over_limit,
            "faults": dict(self.faults),
        }

    def reset(self) -> None:
        """Begin anew; what runs now still counts as running."""
        self.calls = self.ended = self.closed_by_client = self.tokens = self.over_limit = 0
        self.running_max = self.running
        self.faults.clear()
