"""Times of one kind, counted in steps of 1 %: small, and exact enough for percentiles."""

from __future__ import annotations

import math
from collections import Counter

_STEP = math.log(1.01)


class Times:
    """Milliseconds; `max` and `mean` are exact."""

    def __init__(self) -> None:
        self._steps: Counter[int] = Counter()
        self._sum_ms = 0.0
        self.count = 0
        self.max_ms = 0.0

    def add(self, ms: float) -> None:
        self._steps[math.ceil(math.log(max(ms, 0.001)) / _STEP)] += 1
        self._sum_ms += ms
        self.count += 1
        self.max_ms = max(self.max_ms, ms)

    def percentile(self, share: float) -> float:
        """The time that `share` (0 to 1) of all were not above; 0 if there are none."""
        left = math.ceil(share * self.count)
        for step, times in sorted(self._steps.items()):
            left -= times
            if left <= 0:
                return min(self.max_ms, math.exp(step * _STEP))
        return 0.0

    def as_json(self) -> dict[str, float]:
        """`count`, and p50, p95, p99, max and mean in milliseconds."""
        return {
            "count": self.count,
            **{f"p{round(share * 100)}": round(self.percentile(share), 2) for share in (0.5, 0.95, 0.99)},
            "max": round(self.max_ms, 2),
            "mean": round(self._sum_ms / self.count, 2) if self.count else 0.0,
        }
