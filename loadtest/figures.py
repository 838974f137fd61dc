"""What two profiles are compared by, and whether a difference is more than noise.

The rounds of A and B are neighbours in time, so each round gives one ratio B/A, in which what the machine did to both cancels. Over the
rounds the logarithms of the ratios have a mean and a Student t interval. Several figures are looked at together: with Bonferroni's
correction each interval has the level that makes one false alarm or more, over all of them, as rare as `FALSE_ALARMS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Literal, TypedDict

from loadtest import student
from loadtest.result import Summary

FALSE_ALARMS = 0.05
"""How often comparing A with A may call any figure different, at most."""

SMALLEST_RATIO = 1.03
"""A difference below it is called noise however sure it is: nobody would choose by it."""

MIN_ROUNDS = 3

Verdict = Literal["inside the noise", "A is better", "B is better"]


class Spread(TypedDict):
    """Of the rounds of one side."""

    median: float
    min: float
    max: float


class FigureForm(TypedDict):
    """`ratio` is B/A, the geometric mean over the rounds, `low` to `high` its interval; None where too few rounds can say it."""

    name: str
    unit: str
    better: Literal["lower", "higher"]
    a: Spread
    b: Spread
    ratio: float | None
    low: float | None
    high: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Figure:
    """`of` takes it from a summary, None where the run did not measure it."""

    name: str
    unit: str
    better: Literal["lower", "higher"]
    of: Callable[[Summary], float | None]


FIGURES = (
    Figure("replies", "1/s", "higher", lambda summary: summary["replies_per_s"]),
    Figure("replies per CPU-second", "1/s", "higher", lambda summary: summary["replies_per_cpu_s"]),
    Figure("accepted, p50", "ms", "lower", lambda summary: summary["accept_ms"].get("p50")),
    Figure("accepted, p99", "ms", "lower", lambda summary: summary["accept_ms"].get("p99")),
    Figure("first token, p50", "ms", "lower", lambda summary: summary["first_token_ms"].get("p50")),
    Figure("first token, p99", "ms", "lower", lambda summary: summary["first_token_ms"].get("p99")),
    Figure("reply, p99", "ms", "lower", lambda summary: summary["reply_ms"].get("p99")),
    Figure("memory", "MiB", "lower", lambda summary: sum(summary["memory_mib"].values())),
)


def compare(a: Sequence[Summary], b: Sequence[Summary], figures: Sequence[Figure] = FIGURES) -> list[FigureForm]:
    """The figures that every round has measured; round by round `a` and `b` are neighbours."""
    measured = [(figure, _values(figure, a), _values(figure, b)) for figure in figures]
    usable = [(figure, of_a, of_b) for figure, of_a, of_b in measured if of_a and of_b]
    return [_compared(figure, of_a, of_b, looks=len(usable)) for figure, of_a, of_b in usable]


def _values(figure: Figure, rounds: Sequence[Summary]) -> list[float]:
    """One a round; none at all if a round has none, or one that has no logarithm."""
    values = [value for summary in rounds if (value := figure.of(summary)) is not None and value > 0]
    return values if len(values) == len(rounds) else []


def _compared(figure: Figure, a: Sequence[float], b: Sequence[float], looks: int) -> FigureForm:
    logs = [math.log(of_b / of_a) for of_a, of_b in zip(a, b, strict=True)]
    mean = fmean(logs)
    half = _half_width(logs, looks)
    return {
        "name": figure.name,
        "unit": figure.unit,
        "better": figure.better,
        "a": _spread(a),
        "b": _spread(b),
        "ratio": math.exp(mean),
        "low": None if half is None else math.exp(mean - half),
        "high": None if half is None else math.exp(mean + half),
        "verdict": _verdict(mean, half, figure.better),
    }


def _half_width(logs: Sequence[float], looks: int) -> float | None:
    """Of the interval of the mean; None if the rounds are too few for one."""
    rounds = len(logs)
    if rounds < MIN_ROUNDS:
        return None
    return student.quantile(1 - FALSE_ALARMS / looks / 2, rounds - 1) * stdev(logs) / math.sqrt(rounds)


def _verdict(mean: float, half: float | None, better: Literal["lower", "higher"]) -> Verdict:
    if half is None or abs(mean) <= half or abs(mean) < math.log(SMALLEST_RATIO):
        return "inside the noise"
    return "B is better" if (mean > 0) == (better == "higher") else "A is better"


def _spread(values: Sequence[float]) -> Spread:
    return {"median": median(values), "min": min(values), "max": max(values)}
