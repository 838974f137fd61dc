"""The page of a comparison: which side is better in what, how sure that is, and both sides' plots over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadtest.report.fields import mapping, number, sequence, text
from loadtest.report.integrity import State, counts_list, state, summed, verdict_banner
from loadtest.report.intervals import Interval, RatioScale
from loadtest.report.markup import Markup, element, joined
from loadtest.report.over_time import plots_over_each_other
from loadtest.report.page import header, page, section
from loadtest.report.result_page import about
from loadtest.report.tables import differing, table
from loadtest.report.units import MISSING, unit_called

Result = Mapping[str, object]
_WINNERS = {"A is better": "a", "B is better": "b"}


def comparison_page(compare: Mapping[str, object]) -> str:
    """The report of a compare.json."""
    a, b = ([mapping(each) for each in sequence(compare, side)] for side in "ab")
    figures = [mapping(figure) for figure in sequence(compare, "figures")]
    titles = [_title(a), _title(b)]
    plots = element("div", joined(plot.figure() for plot in plots_over_each_other(a, b)), class_="plots")
    return page(
        f"{titles[0]} against {titles[1]}",
        compare,
        header("Comparison", f"{titles[0]} against {titles[1]}", about(a[0]) if a else "", _rounds(a, b)),
        element("section", element("p", _in_a_sentence(figures), class_="outcome"), _sides(titles, a, b)),
        section("Figures", _figures(figures)),
        section("Over time", element("p", _key(len(a), len(b)), class_="about"), plots),
        section("Details", _differences(a, b)),
    )


def _title(results: Sequence[Result]) -> str:
    return next((said for result in results if (said := text(result, "profile", "title") or text(result, "profile", "name"))), "no rounds")


def _rounds(a: Sequence[Result], b: Sequence[Result]) -> str:
    return f"{len(a)} rounds of A, {len(b)} rounds of B" if len(a) != len(b) else f"{len(a)} rounds of each, in alternation"


def _key(*rounds: int) -> str:
    drawn = "A is solid, B is dashed."
    return f"{drawn} Strong lines are the median of the rounds, faint lines the rounds themselves." if max(rounds) > 1 else drawn


def _in_a_sentence(figures: Sequence[Mapping[str, object]]) -> str:
    verdicts = [text(figure, "verdict") for figure in figures]
    of_a, of_b = verdicts.count("A is better"), verdicts.count("B is better")
    noise = len(verdicts) - of_a - of_b
    if not verdicts:
        return "There are no figures to compare."
    if noise == len(verdicts):
        return f"No difference: all {noise} figures are inside the noise."
    won = [f"{side} is better in {count}" for side, count in (("A", of_a), ("B", of_b)) if count]
    return f"{', '.join(won)} of {len(verdicts)} figures; {noise} {'is' if noise == 1 else 'are'} inside the noise."


def _sides(titles: Sequence[str], a: Sequence[Result], b: Sequence[Result]) -> Markup:
    """Each side's verdict and integrity over its rounds."""
    boxes = []
    for letter, title, results in zip("AB", titles, (a, b), strict=True):
        states = [state(result) for result in results]
        failed, passed = states.count("failed"), states.count("passed")
        how: State = "failed" if failed else "passed" if states and passed == len(states) else "unknown"
        word = f"{failed} of {len(states)} rounds failed" if failed else f"{passed} of {len(states)} rounds passed"
        name = element("h3", element("span", letter, class_=f"side {letter.lower()}"), title)
        boxes.append(element("div", name, verdict_banner(word, how, ()), counts_list(summed(results))))
    return element("div", joined(boxes), class_="sides")


def _figures(figures: Sequence[Mapping[str, object]]) -> Markup:
    intervals = [_interval(figure) for figure in figures]
    scale = RatioScale.around(interval for interval in intervals if interval)
    heads = ("figure", element("th", "verdict", scope="col", class_="word"), "B ÷ A", scale.axis(), "A, median", "B, median")
    rows = [_figure_row(figure, interval, scale) for figure, interval in zip(figures, intervals, strict=True)]
    return table("Median of the rounds, their spread, and the ratio with its interval", heads, rows)


def _interval(figure: Mapping[str, object]) -> Interval | None:
    ratio, low, high = (number(figure, name) for name in ("ratio", "low", "high"))
    if ratio is None or low is None or high is None or min(ratio, low, high) <= 0:
        return None
    return Interval(ratio, low, high, _WINNERS.get(text(figure, "verdict"), ""))


def _figure_row(figure: Mapping[str, object], interval: Interval | None, scale: RatioScale) -> list[object]:
    better = {"lower": "lower is better", "higher": "higher is better"}.get(text(figure, "better"), "")
    name = joined([text(figure, "name"), element("small", better)])
    verdict = text(figure, "verdict")
    ratio, drawing = _ratio(interval), scale.drawing(interval) if interval else ""
    winner = interval.winner if interval else ""
    return [name, element("td", verdict, class_=f"word {winner}".rstrip()), ratio, drawing, _spread(figure, "a"), _spread(figure, "b")]


def _ratio(interval: Interval | None) -> Markup | str:
    if interval is None:
        return MISSING
    return joined([f"{interval.ratio:.2f}", element("small", f"{interval.low:.2f} to {interval.high:.2f}")])


def _spread(figure: Mapping[str, object], side: str) -> Markup:
    unit = unit_called(text(figure, "unit"))
    low, high = number(figure, side, "min"), number(figure, side, "max")
    spread = element("small", f"{unit.text(low)} to {unit.text(high)}") if low is not None and high is not None else None
    return joined([unit.text(number(figure, side, "median")), spread])


def _differences(a: Sequence[Result], b: Sequence[Result]) -> Markup:
    first_a, first_b = ({name: side[0].get(name) for name in ("profile", "load", "model", "machine")} if side else {} for side in (a, b))
    rows = differing(first_a, first_b)
    return (
        table("What differs between A and B", ("setting", "A", "B"), rows, narrow=True)
        if rows
        else element("p", "A and B are the same profile.", class_="about")
    )
