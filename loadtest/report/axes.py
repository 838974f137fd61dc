"""Axes: where a value lies in the drawing, and the lines and labels that tell so."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from loadtest.report.markup import Markup, element, joined
from loadtest.report.ticks import linear_ticks, logarithmic_ticks, time_text, time_ticks
from loadtest.report.units import Unit, digits

WIDTH, HEIGHT = 400, 216
LEFT, RIGHT, TOP, BOTTOM = 44, 390, 10, 190
SPREAD_OF_LOGARITHMIC = 50
"""From this ratio of the highest to the lowest value on, a linear axis would show the low ones as a flat line."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps `low` to the place `start` and `high` to `end`. Labels are the ticks divided by `factor`, in the unit `symbol`."""

    low: float
    high: float
    start: float
    end: float
    ticks: Sequence[float]
    logarithmic: bool = False
    factor: float = 1.0
    symbol: str = ""

    def place(self, value: float) -> float:
        """In the drawing's units, to a tenth; values outside the scale lie on its edge."""
        share = self._height(value) / self._height(self.high) if self.high > self.low else 0.0
        return round(self.start + (self.end - self.start) * min(max(share, 0.0), 1.0), 1)

    def _height(self, value: float) -> float:
        return math.log(max(value, self.low) / self.low) if self.logarithmic else value - self.low


@dataclass(frozen=True, slots=True)
class Across:
    """What the horizontal axis counts: its ticks up to a value, and how a value is written."""

    ticks: Callable[[float], Sequence[float]]
    text: Callable[[float], str]
    name: str = ""


TIME = Across(time_ticks, time_text)


def load_axis(name: str) -> Across:
    """Users, or sends per second, from 0 on."""
    return Across(linear_ticks, digits, name)


def horizontal(across: Across, values: Iterable[float]) -> Scale:
    """From 0 to the highest value; to the last tick if that lies further out."""
    high = max(values, default=0.0) or 1.0
    ticks = across.ticks(high)
    return Scale(0.0, max(high, ticks[-1]), LEFT, RIGHT, ticks)


def vertical(values: Iterable[float], unit: Unit, *, may_be_logarithmic: bool) -> Scale:
    """From 0, or logarithmic where the values lie far apart."""
    seen = list(values)
    high, low = max(seen, default=0.0), min((value for value in seen if value > 0), default=0.0)
    factor, symbol = unit.scaled(high)
    if may_be_logarithmic and low and high / low >= SPREAD_OF_LOGARITHMIC:
        ticks = logarithmic_ticks(low, high)
        return Scale(ticks[0], ticks[-1], BOTTOM, TOP, ticks, True, factor, symbol)
    ticks = [tick * factor for tick in linear_ticks(high / factor)]
    return Scale(0.0, ticks[-1], BOTTOM, TOP, ticks, False, factor, symbol)


def axes(across: Across, x: Scale, y: Scale) -> Markup:
    """Rules at the vertical ticks, labels at both axes."""
    parts = []
    for tick in y.ticks:
        height = y.place(tick)
        base = " base" if tick == y.low else ""
        parts.append(element("line", class_=f"rule{base}", x1=LEFT, x2=RIGHT, y1=height, y2=height))
        parts.append(element("text", f"{tick / y.factor:,.12g}", class_="tick", x=LEFT - 7, y=height + 4, text_anchor="end"))
    for tick in x.ticks:
        anchor = "end" if x.place(tick) > RIGHT - 14 else "middle"
        parts.append(element("text", across.text(tick), class_="tick", x=x.place(tick), y=BOTTOM + 18, text_anchor=anchor))
    return element("g", joined(parts), aria_hidden="true")
