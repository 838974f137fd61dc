"""Ticks: round numbers to mark an axis with."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_DECADES_WITH_FIVES = 2
_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)


def linear_ticks(high: float, at_most: int = 5) -> list[float]:
    """From 0 to the first tick at or above `high`, in steps of 1, 2 or 5 times a power of ten."""
    if high <= 0:
        return [0.0, 1.0]
    step = round_up(high / at_most)
    return [round(step * position, 12) for position in range(math.ceil(high / step - 1e-9) + 1)]


def round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(float(f"{factor * power:.12g}") for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def logarithmic_ticks(low: float, high: float) -> list[float]:
    """Powers of ten around `low` to `high`, both above 0; 2 and 5 between them where there is room."""
    lowest, highest = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    factors: Sequence[int] = (1, 2, 5) if highest - lowest <= MOST_DECADES_WITH_FIVES else (1,)
    every = [float(f"{factor}e{power}") for power in range(lowest, highest + 1) for factor in factors]
    start = max((tick for tick in every if tick <= low * (1 + 1e-9)), default=every[0])
    end = min((tick for tick in every if tick >= high * (1 - 1e-9)), default=every[-1])
    return [tick for tick in every if start <= tick <= end]


def time_ticks(high_s: float, at_most: int = 5) -> list[float]:
    """From 0 to at most `high_s` in the steps of a clock."""
    step = next((step for step in _TIME_STEPS_S if high_s / step <= at_most), _TIME_STEPS_S[-1])
    return [float(step * position) for position in range(int(high_s / step) + 1)]


def time_text(seconds: float) -> str:
    """`90 s`, `5 min`, `2 h`."""
    for size, symbol in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds / size:g} {symbol}"
    return f"{seconds:g} s"
