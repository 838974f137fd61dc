"""Over time: the plots of one run, and of two profiles' rounds over each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import median

from loadtest.report.fields import mapping, number, numbers, sequence
from loadtest.report.plot import Band, Line, Plot, Point
from loadtest.report.units import CORES, COUNT, MIB, MS, PER_S, Unit

Result = Mapping[str, object]
_NO_SERVERS = ("client", "model")
_PERCENTILES = ("p50", "p95", "p99")
_TIMES = (("accept_ms", "Send to acceptance"), ("first_token_ms", "Send to first token"), ("reply_ms", "Send to whole reply"))

_COMPARED: tuple[tuple[str, Unit, Callable[[object], float | None]], ...] = (
    ("Sends", PER_S, lambda moment: number(moment, "sends_per_s")),
    ("Replies", PER_S, lambda moment: number(moment, "replies_per_s")),
    ("Errors", PER_S, lambda moment: number(moment, "errors_per_s")),
    ("Acceptance, p50", MS, lambda moment: number(moment, "accept_ms", "p50")),
    ("First token, p50", MS, lambda moment: number(moment, "first_token_ms", "p50")),
    ("Whole reply, p50", MS, lambda moment: number(moment, "reply_ms", "p50")),
    ("Acceptance, p99", MS, lambda moment: number(moment, "accept_ms", "p99")),
    ("First token, p99", MS, lambda moment: number(moment, "first_token_ms", "p99")),
    ("Whole reply, p99", MS, lambda moment: number(moment, "reply_ms", "p99")),
    ("Queue depth", COUNT, lambda moment: number(moment, "queue_depth")),
    ("CPU, all servers", CORES, lambda moment: _total(moment, "cpu_cores")),
    ("Memory, all servers", MIB, lambda moment: _total(moment, "memory_mib")),
)


def plots_of(result: Result) -> list[Plot]:
    """Nine plots, three rows of three: load, times, resources."""
    series = sequence(result, "series")
    return [
        Plot("Throughput", PER_S, [_line(series, "sends", 0, "sends_per_s"), _line(series, "replies", 1, "replies_per_s")]),
        Plot("Users", COUNT, [_line(series, "users", 0, "users")]),
        Plot("Errors", PER_S, [_line(series, "errors", 0, "errors_per_s")]),
        *(Plot(title, MS, _percentile_lines(series, name), may_be_logarithmic=True) for name, title in _TIMES),
        Plot("Queue depth", COUNT, [_line(series, "records", 0, "queue_depth"), _line(series, "broker", 1, "broker_queue_length")]),
        Plot("CPU by process", CORES, _lines_by_part(series, "cpu_cores")),
        Plot("Memory by process", MIB, _lines_by_part(series, "memory_mib")),
    ]


def plots_over_each_other(a: Sequence[Result], b: Sequence[Result]) -> list[Plot]:
    """A solid, B dashed: the median of the rounds strong, the rounds faint, the room between them shaded."""
    return [_overlaid(title, unit, of, a, b) for title, unit, of in _COMPARED]


def _overlaid(title: str, unit: Unit, of: Callable[[object], float | None], a: Sequence[Result], b: Sequence[Result]) -> Plot:
    lines, behind, bands = [], [], []
    for style, (name, results) in enumerate((("A", a), ("B", b))):
        rounds = [[(_t_s(moment), of(moment)) for moment in sequence(result, "series")] for result in results]
        places = _aligned(rounds)
        lines.append(Line(name, [(place, median(values) if values else None) for place, values in places.items()], style))
        if len(rounds) > 1:
            behind += [Line("", points, style) for points in rounds]
            bands.append(Band([(place, min(values), max(values)) for place, values in places.items() if values], style))
    return Plot(title, unit, lines, behind=behind, bands=bands, may_be_logarithmic=unit is MS)


def _aligned(rounds: Sequence[Sequence[Point]]) -> dict[float, list[float]]:
    """The rounds' values by place. Rounds are sampled at the same pace, not at the same instant: a place is a multiple of the pace."""
    steps = [later - sooner for points in rounds for (sooner, _), (later, _) in pairwise(points) if later > sooner]
    pace = median(steps) if steps else 1.0
    places: dict[float, list[float]] = {}
    for points in rounds:
        for place, value in points:
            at_place = places.setdefault(round(round(place / pace) * pace, 3), [])
            if value is not None:
                at_place.append(value)
    return dict(sorted(places.items()))


def _line(series: Sequence[object], name: str, style: int, *path: str) -> Line:
    return Line(name, [(_t_s(moment), number(moment, *path)) for moment in series], style)


def _percentile_lines(series: Sequence[object], name: str) -> list[Line]:
    return [_line(series, percentile, style, name, percentile) for style, percentile in enumerate(_PERCENTILES)]


def _lines_by_part(series: Sequence[object], name: str) -> list[Line]:
    parts = dict.fromkeys(part for moment in series for part in mapping(moment, name))
    return [_line(series, part, style, name, part) for style, part in enumerate(parts)]


def _total(moment: object, name: str) -> float | None:
    parts = [value for part, value in numbers(moment, name).items() if part not in _NO_SERVERS]
    return sum(parts) if parts else None


def _t_s(moment: object) -> float:
    return number(moment, "t_s") or 0.0
