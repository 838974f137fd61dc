"""Student's t distribution, without a library for it."""

from __future__ import annotations

import math
from functools import lru_cache

_STEPS = 400


@lru_cache
def quantile(p: float, degrees: int) -> float:
    """The value that a t-distributed figure with `degrees` of freedom stays below with probability `p` (0.5 ≤ p < 1)."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _probability(middle, degrees) < p else (low, middle)
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def _probability(angle: float, degrees: int) -> float:
    """P(T < √degrees · tan(angle)): in the angle the density is a power of the cosine, which Simpson's rule takes well."""
    scale = math.gamma((degrees + 1) / 2) / (math.sqrt(math.pi) * math.gamma(degrees / 2))
    width = angle / _STEPS
    inner = sum((4 if step % 2 else 2) * math.cos(step * width) ** (degrees - 1) for step in range(1, _STEPS))
    return 0.5 + scale * width / 3 * (1 + inner + math.cos(angle) ** (degrees - 1))
