"""The search for the highest load that is kept: doubling until one is not, then halving what lies between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

PRECISION = 1.1
"""The search ends when the lowest load that is not kept is at most this many times the highest that is."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """What is known: `kept` is the highest load that was kept, 0 for none yet, `broken` the lowest that was not, None for none yet."""

    kept: int = 0
    broken: int | None = None

    def after(self, load: int, *, was_kept: bool) -> Bracket:
        """With what one more step has shown. Above a load that was not kept nothing counts as kept."""
        if was_kept:
            return Bracket(max(self.kept, load), self.broken)
        return Bracket(self.kept, load if self.broken is None else min(self.broken, load))

    def next_load(self, start: int, limit: int) -> int | None:
        """What to try now; None if the search is over."""
        if self.broken is None:
            following = max(start, self.kept * 2)
            return min(following, limit) if self.kept < limit else None
        if self.broken <= max(1, self.kept) * PRECISION or self.broken - self.kept <= 1:
            return None
        return (self.kept + self.broken) // 2


def highest(start: int, limit: int, is_kept: Callable[[int], bool], bracket: Bracket) -> Bracket:
    """The search to its end, from what is known already; `is_kept` tries a load."""
    while (load := bracket.next_load(start, limit)) is not None:
        bracket = bracket.after(load, was_kept=is_kept(load))
    return bracket
