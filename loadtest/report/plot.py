"""Plot: figures over time or over load, drawn as SVG, with a legend that says each line's median."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from loadtest.report.axes import HEIGHT, LEFT, RIGHT, TIME, WIDTH, Across, Scale, axes, horizontal, vertical
from loadtest.report.markup import Markup, element, joined
from loadtest.report.moments import moments
from loadtest.report.units import Unit

DASHES = (None, "5.5 5", "0.5 4", "9 5 0.5 5")
COLOURS = 6

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A named line. `style` picks its colour and, so that colour is not all, its dashes."""

    name: str
    points: Sequence[Point]
    style: int = 0

    @property
    def values(self) -> list[float]:
        return [value for _, value in self.points if value is not None]

    @property
    def colour(self) -> str:
        return f"c{self.style % COLOURS + 1}"

    @property
    def dashes(self) -> str | None:
        return DASHES[self.style % len(DASHES)]


@dataclass(frozen=True, slots=True)
class Band:
    """The room between the lowest and the highest value at each place."""

    points: Sequence[tuple[float, float, float]]
    style: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """One measured point: filled, or crossed out where it did not keep the limits."""

    at: float
    value: float
    kept: bool
    style: int = 0


@dataclass(frozen=True, slots=True)
class Plot:
    """`behind` are faint lines without a name, `limits` horizontal lines by name. `at_rest` heads the legend's values, "" shows none."""

    title: str
    unit: Unit
    lines: Sequence[Line]
    across: Across = TIME
    behind: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    marks: Sequence[Mark] = ()
    limits: Sequence[tuple[str, float]] = ()
    at_rest: str = "median"
    may_be_logarithmic: bool = False

    def figure(self) -> Markup:
        """The whole figure; says so where nothing was measured."""
        shown = [line for line in self.lines if line.values]
        if not shown:
            return element("figure", element("h3", self.title), element("p", "Not measured.", class_="empty"), class_="plot")
        x = horizontal(self.across, (place for line in shown for place, _ in line.points))
        y = vertical(self._heights(shown), self.unit, may_be_logarithmic=self.may_be_logarithmic)
        note = " · ".join(
            part
            for part in (y.symbol, f"by {self.across.name}" if self.across.name else "", "logarithmic" if y.logarithmic else "")
            if part
        )
        heading = element("h3", self.title, element("small", f" {note}") if note else None)
        return element("figure", heading, self._legend(shown), self._drawing(shown, x, y), class_="plot")

    def _heights(self, shown: Sequence[Line]) -> Iterator[float]:
        for line in (*shown, *self.behind):
            yield from line.values
        yield from (value for _, value in self.limits)
        yield from (mark.value for mark in self.marks)
        yield from (edge for band in self.bands for _, *edges in band.points for edge in edges)

    def _legend(self, shown: Sequence[Line]) -> Markup:
        items = [element("li", self.at_rest, class_="when")]
        for line in shown:
            value = self.unit.text(median(line.values)) if self.at_rest else ""
            items.append(element("li", _swatch(line), line.name, " ", element("b", value)))
        items += [
            element("li", _limit_swatch(), name, " ", element("b", self.unit.text(value)), class_="fixed") for name, value in self.limits
        ]
        return element("ul", joined(items), class_="legend")

    def _drawing(self, shown: Sequence[Line], x: Scale, y: Scale) -> Markup:
        parts = [
            element("title", self.title),
            element("desc", self._described(shown)),
            axes(self.across, x, y),
            *(_area(band, x, y) for band in self.bands),
            *(_stroke(line, x, y, faint=True) for line in self.behind),
            *(_limit(value, y) for _, value in self.limits),
            *(_stroke(line, x, y) for line in shown),
            *(_dot(mark, x, y) for mark in self.marks),
            moments([(line.name, line.points) for line in shown], self.across, x, self.unit),
        ]
        return element("svg", *parts, role="img", viewBox=f"0 0 {WIDTH} {HEIGHT}")

    def _described(self, shown: Sequence[Line]) -> str:
        text = self.unit.text
        return " ".join(
            f"{line.name}: {text(min(line.values))} to {text(max(line.values))}, median {text(median(line.values))}." for line in shown
        )


def _stroke(line: Line, x: Scale, y: Scale, *, faint: bool = False) -> Markup:
    """A path that is interrupted where values are missing; a value alone between two gaps is a dot."""
    path, pen_is_down = [], False
    for place, value in line.points:
        if value is None:
            pen_is_down = False
            continue
        path.append(f"{'L' if pen_is_down else 'M'}{x.place(place)} {y.place(value)}{'' if pen_is_down else 'h0'}")
        pen_is_down = True
    classes = f"line {line.colour}{' faint' if faint else ''}"
    return element("path", class_=classes, d="".join(path), stroke_dasharray=None if faint else line.dashes)


def _area(band: Band, x: Scale, y: Scale) -> Markup:
    there = [f"{x.place(place)} {y.place(high)}" for place, _, high in band.points]
    back = [f"{x.place(place)} {y.place(low)}" for place, low, _ in reversed(band.points)]
    return element("polygon", class_=f"band c{band.style % COLOURS + 1}", points=" ".join(there + back))


def _dot(mark: Mark, x: Scale, y: Scale) -> Markup:
    across, down = x.place(mark.at), y.place(mark.value)
    colour = f"c{mark.style % COLOURS + 1}"
    if mark.kept:
        return element("circle", class_=f"mark {colour}", cx=across, cy=down, r=3.5)
    cross = f"M{across - 3.5} {down - 3.5}l7 7m0 -7l-7 7"
    return element("path", class_=f"cross {colour}", d=cross)


def _limit(value: float, y: Scale) -> Markup:
    return element("line", class_="limit", x1=LEFT, x2=RIGHT, y1=y.place(value), y2=y.place(value))


def _swatch(line: Line) -> Markup:
    path = element("path", class_=f"line {line.colour}", d="M1 5h24", stroke_dasharray=line.dashes)
    return element("svg", path, class_="swatch", viewBox="0 0 26 10", aria_hidden="true")


def _limit_swatch() -> Markup:
    return element("svg", element("path", class_="limit", d="M1 5h24"), class_="swatch", viewBox="0 0 26 10", aria_hidden="true")
