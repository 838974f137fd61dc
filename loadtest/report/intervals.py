"""Intervals: a ratio and how sure it is, drawn against 1, where both sides are the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest.report.markup import Markup, element, joined

WIDTH, HEIGHT, MARGIN = 220, 22, 16
_STEPS = (1.25, 1.5, 2, 4, 10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Interval:
    """`low` to `high` around `ratio`, all above 0. `winner` is "a", "b" or "" for noise."""

    ratio: float
    low: float
    high: float
    winner: str = ""


@dataclass(frozen=True, slots=True)
class RatioScale:
    """Logarithmic, as far above 1 as below it: half and double lie equally far away."""

    most: float

    @classmethod
    def around(cls, intervals: Iterable[Interval]) -> RatioScale:
        """Wide enough for all of them."""
        furthest = max((max(interval.high, 1 / interval.low) for interval in intervals), default=1.0)
        return cls(next((step for step in _STEPS if step >= furthest), furthest))

    def place(self, ratio: float) -> float:
        """In the drawing's units."""
        share = math.log(ratio) / math.log(self.most)
        return round(WIDTH / 2 + (WIDTH / 2 - MARGIN) * min(max(share, -1.0), 1.0), 1)

    @property
    def ticks(self) -> Sequence[float]:
        """The ends and the middle."""
        return (1 / self.most, 1.0, self.most)

    def axis(self) -> Markup:
        """The labels, for the head of the column."""
        labels = (element("text", f"{tick:.2g}", class_="tick", x=self.place(tick), y=14, text_anchor="middle") for tick in self.ticks)
        return element("svg", joined(labels), class_="interval", viewBox=f"0 0 {WIDTH} 18", aria_hidden="true")

    def drawing(self, interval: Interval) -> Markup:
        """One interval; its text stands beside it."""
        middle = HEIGHT / 2
        low, high, at = self.place(interval.low), self.place(interval.high), self.place(interval.ratio)
        parts = (
            *(
                element("line", class_="rule", x1=self.place(tick), x2=self.place(tick), y1=0, y2=HEIGHT)
                for tick in self.ticks
                if tick != 1
            ),
            element("line", class_="one", x1=WIDTH / 2, x2=WIDTH / 2, y1=0, y2=HEIGHT),
            element("path", class_="whisker", d=f"M{low} {middle}H{high}M{low} {middle - 4}v8M{high} {middle - 4}v8"),
            element("circle", class_="dot", cx=at, cy=middle, r=4),
        )
        classes = f"interval {interval.winner or 'noise'}"
        return element("svg", joined(parts), class_=classes, viewBox=f"0 0 {WIDTH} {HEIGHT}", aria_hidden="true")
