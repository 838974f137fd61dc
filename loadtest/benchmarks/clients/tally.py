"""What the clients count: answers and times inside the measured window, failures at any time."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence

now = time.perf_counter

MAX_PROBLEMS = 5


class Tally:
    """Closed until `mark`, and again from `end` on."""

    def __init__(self) -> None:
        self.is_open = False
        self._counts: Counter[str] = Counter()
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._problems: list[str] = []
        self._began_at = self._ended_at = 0.0

    def mark(self) -> None:
        self.is_open, self._began_at = True, now()

    def end(self) -> None:
        self.is_open, self._ended_at = False, now()

    def count(self, name: str) -> None:
        if self.is_open:
            self._counts[name] += 1

    def time(self, name: str, seconds: float) -> None:
        if self.is_open:
            self._seconds[name].append(seconds)

    def fail(self, problem: str) -> None:
        """Something that must not happen; the first few are told."""
        self._counts["failures"] += 1
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(problem[:300])

    def result(self) -> dict[str, object]:
        """Counts, and of the times p50, p99 and the greatest, in milliseconds."""
        figures: dict[str, float] = {"failures": 0.0, **self._counts, "seconds": self._ended_at - self._began_at}
        for name, seconds in self._seconds.items():
            figures |= {f"{name}_{part}_ms": value * 1000 for part, value in _quantiles(seconds).items()}
        return {"figures": figures, "problems": self._problems}


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {"p50": ordered[last // 2], "p99": ordered[int(last * 0.99)], "max": ordered[last]}
