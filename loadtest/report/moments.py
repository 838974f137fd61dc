"""Moments: invisible columns over a plot. Each says the values at its place, as a tooltip, or in the legend where the script runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from loadtest.report.axes import BOTTOM, TOP, Across, Scale
from loadtest.report.markup import Markup, element, joined
from loadtest.report.units import Unit

MOST = 120


def moments(lines: Sequence[tuple[str, Sequence[tuple[float, float | None]]]], across: Across, x: Scale, unit: Unit) -> Markup:
    """At most `MOST` columns side by side."""
    values = [dict(points) for _, points in lines]
    places = sorted({place for points in values for place in points})
    places = places[:: -(-len(places) // MOST) or 1]
    centres = [x.place(place) for place in places]
    edges = [x.start, *((left + right) / 2 for left, right in pairwise(centres)), x.end]
    columns = []
    for position, place in enumerate(places):
        said = [f"{name}: {unit.text(points.get(place))}" for (name, _), points in zip(lines, values, strict=True)]
        heading = " ".join((across.text(round(place, 1)), across.name)).rstrip()
        columns.append(_column("\n".join((heading, *said)), centres[position], edges[position], edges[position + 1]))
    return element("g", joined(columns), class_="moments", data_over=across.name or "time")


def _column(title: str, centre: float, left: float, right: float) -> Markup:
    width, height = round(max(right - left, 0.1), 1), BOTTOM - TOP
    hair = element("line", x1=centre, x2=centre, y1=TOP, y2=BOTTOM)
    return element("g", element("title", title), element("rect", x=round(left, 1), y=TOP, width=width, height=height), hair)
