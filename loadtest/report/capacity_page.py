"""The page of a capacity search: the highest load that kept the limits, and every step on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median

from loadtest.report.axes import load_axis
from loadtest.report.fields import at, flat, mapping, number, sequence, text
from loadtest.report.integrity import NAMES, counts_list, summed, verdict_banner
from loadtest.report.markup import Markup, element, joined
from loadtest.report.page import header, page, section
from loadtest.report.plot import Line, Mark, Plot, Point
from loadtest.report.tables import pairs, profile_boxes, table
from loadtest.report.units import MS, PER_S, Unit, digits, percent

Document = Mapping[str, object]
_TIMES = (("accept", "Send to acceptance"), ("first_token", "Send to first token"))
_KEY = "Dots kept the limits, crosses did not."
_LOADS = {"users": "users", "rate": "sends/s"}


def capacity_page(capacity: Document) -> str:
    """The report of a capacity.json."""
    steps = sorted((mapping(step) for step in sequence(capacity, "steps")), key=_load)
    name = "rate" if any(number(step, "rate") is not None for step in steps) else "users"
    title = text(capacity, "profile", "title") or text(capacity, "profile", "name") or text(capacity, "profile") or "A profile"
    plots = [_throughput(steps, name), *(_times(steps, name, field, heading, capacity) for field, heading in _TIMES)]
    return page(
        f"Capacity: {title}",
        capacity,
        header("Capacity", title),
        element("section", _highest(capacity, name), *_promises(steps)),
        section(
            "Load and times", element("p", _KEY, class_="about"), element("div", joined(plot.figure() for plot in plots), class_="plots")
        ),
        section("Steps", _steps(steps, name)),
        section("Details", element("div", joined(_boxes(capacity)), class_="boxes")),
    )


def _load(step: object) -> float:
    return next((load for name in _LOADS if (load := number(step, name)) is not None), 0.0)


def _highest(capacity: Document, name: str) -> Markup:
    found = at(capacity, "highest")
    load = number(capacity, "highest") if not isinstance(found, Mapping) else _load(found)
    if load is None:
        return element("p", "No step kept the limits.", class_="outcome")
    return element("p", element("b", f"{digits(load)} {_LOADS[name]}"), " is the highest load that kept the limits.", class_="outcome")


def _promises(steps: Sequence[Document]) -> list[Markup]:
    """What must be 0 at any load, over all steps; the database is audited in none of them."""
    counts = {name: count for name, count in summed(steps).items() if count is not None}
    broken = [f"{NAMES[name]}: {digits(count)}" for name, count in counts.items() if count]
    banner = [verdict_banner("Failed", "failed", broken)] if broken else []
    return [*banner, counts_list(counts)] if counts else banner


def _boxes(capacity: Document) -> list[Markup | None]:
    limits, *others = (pairs(name.capitalize(), mapping(capacity, name)) for name in ("limits", "load", "model", "machine"))
    return [limits, *profile_boxes(capacity), *others]


def _throughput(steps: Sequence[Document], name: str) -> Plot:
    lines = [
        Line("sends", _points(steps, "sends_per_s"), 0),
        Line("replies", _points(steps, "replies_per_s"), 1),
    ]
    marks = [*_marks(steps, 0, "sends_per_s"), *_marks(steps, 1, "replies_per_s")]
    return Plot("Throughput", PER_S, lines, load_axis(_LOADS[name]), marks=marks, at_rest="")


def _times(steps: Sequence[Document], name: str, field: str, heading: str, capacity: Document) -> Plot:
    paths = [(f"{field}_ms", point) for point in ("p50", "p99")]
    return Plot(
        heading,
        MS,
        [Line(path[-1], _points(steps, *path), style) for style, path in enumerate(paths)],
        load_axis(_LOADS[name]),
        marks=[mark for style, path in enumerate(paths) for mark in _marks(steps, style, *path)],
        limits=_limits_of(mapping(capacity, "limits"), field),
        at_rest="",
        may_be_logarithmic=True,
    )


def _points(steps: Sequence[Document], *path: str) -> list[Point]:
    """By load; the median where a load was tried more than once."""
    tries: dict[float, list[float]] = {}
    for step in steps:
        value = number(step, "summary", *path)
        tries.setdefault(_load(step), []).extend([value] if value is not None else [])
    return [(load, median(values) if values else None) for load, values in tries.items()]


def _marks(steps: Sequence[Document], style: int, *path: str) -> list[Mark]:
    """One for each try."""
    values = [(step, number(step, "summary", *path)) for step in steps]
    return [Mark(_load(step), value, at(step, "kept") is True, style) for step, value in values if value is not None]


def _limits_of(limits: Document, field: str) -> list[tuple[str, float]]:
    """A limit's name says its time: `accept_p99_ms`, or `accept_ms` with `p99` in it; in seconds if it ends in `_s`."""
    found = []
    for name in (name for name, _ in flat(limits)):
        value = number(limits, *name.split("."))
        if value is None or not name.startswith(field):
            continue
        point = re.search(r"p\d+", name)
        found.append((f"limit {point[0] if point else ''}".rstrip(), value * 1000 if name.endswith("_s") else value))
    return found


def _steps(steps: Sequence[Document], name: str) -> Markup:
    limits, why = (element("th", head, scope="col", class_="word") for head in ("limits", "why"))
    heads = (_LOADS[name], limits, "sends", "replies", "acceptance p99", "first token p99", "availability", why)
    return table("Sorted by load", heads, [_step(step) for step in steps])


def _step(step: Document) -> list[object]:
    kept = at(step, "kept") is True
    summary = mapping(step, "summary")
    return [
        Unit().text(_load(step)),
        element("td", "kept" if kept else "not kept", class_="word kept" if kept else "word broken"),
        PER_S.text(number(summary, "sends_per_s")),
        PER_S.text(number(summary, "replies_per_s")),
        MS.text(number(summary, "accept_ms", "p99")),
        MS.text(number(summary, "first_token_ms", "p99")),
        percent(number(summary, "availability")),
        element("td", text(step, "why"), class_="said"),
    ]
