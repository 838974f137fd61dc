"""Ticks are round, gaps stay gaps, and colours can be told from what is behind them."""

from __future__ import annotations

import re
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.report.axes import SPREAD_OF_LOGARITHMIC, load_axis, vertical
from loadtest.report.intervals import Interval, RatioScale
from loadtest.report.page import STYLE
from loadtest.report.plot import Band, Line, Plot
from loadtest.report.ticks import linear_ticks, logarithmic_ticks, time_text, time_ticks
from loadtest.report.units import CORES, COUNT, MIB, MS, PER_S, digits


def leading(tick: float) -> float:
    """What stands before the power of ten."""
    return float(f"{tick:e}".partition("e")[0])


@given(st.floats(1e-6, 1e9))
def test_ticks_are_round_numbers_that_reach_over_the_highest_value(high: float) -> None:
    ticks = linear_ticks(high)
    assert leading(ticks[1]) in (1, 2, 5)
    assert ticks[0] == 0
    assert ticks[-1] >= high * (1 - 1e-9)
    assert 2 <= len(ticks) <= 6


@given(st.floats(1e-3, 1e3), st.floats(1, 1e6))
def test_logarithmic_ticks_are_1_2_or_5_times_a_power_of_ten_and_enclose_the_values(low: float, spread: float) -> None:
    ticks = logarithmic_ticks(low, low * spread)
    assert all(leading(tick) in (1, 2, 5) for tick in ticks)
    assert ticks[0] <= low * (1 + 1e-9)
    assert ticks[-1] >= low * spread * (1 - 1e-9)


def test_time_is_marked_in_steps_of_a_clock() -> None:
    assert [time_text(tick) for tick in time_ticks(123)] == ["0 s", "30 s", "60 s", "90 s", "2 min"]
    assert [time_text(tick) for tick in time_ticks(7200)] == ["0 s", "30 min", "60 min", "90 min", "2 h"]


def test_ticks_are_round_in_the_unit_that_is_shown() -> None:
    scale = vertical([3000.0], MIB, may_be_logarithmic=False)
    assert scale.symbol == "GiB"
    assert [tick / scale.factor for tick in scale.ticks] == [0, 1, 2, 3]


def test_times_far_apart_get_a_logarithmic_axis_and_others_one_from_0() -> None:
    assert vertical([2.0, 2.0 * SPREAD_OF_LOGARITHMIC], MS, may_be_logarithmic=True).logarithmic
    assert vertical([2.0, 1.9 * SPREAD_OF_LOGARITHMIC], MS, may_be_logarithmic=True).low == 0
    assert vertical([1.0, 1000.0], COUNT, may_be_logarithmic=False).low == 0


def path_of(*values: float | None) -> str:
    drawn = Plot("x", COUNT, [Line("a", list(enumerate(values)))]).figure()
    found = re.findall(r'<path class="line c1" d="(M[^"]*)"', drawn)
    return str(found[-1])


def test_a_missing_value_interrupts_the_line() -> None:
    assert path_of(1, 2, 3, 4).count("M") == 1
    assert path_of(1, None, 3, 4).count("M") == 2


def test_a_value_between_two_gaps_is_a_dot_and_not_lost() -> None:
    assert re.search(r"M[\d.]+ [\d.]+h0M", path_of(1, None, 3, None, 4))


def test_a_band_reaches_from_the_lowest_to_the_highest() -> None:
    drawn = Plot("x", COUNT, [Line("a", [(0, 5), (1, 5)])], bands=[Band([(0, 0, 10), (1, 0, 10)])]).figure()
    assert re.search(r'<polygon class="band c1" points="44.0 10.0 390.0 10.0 390.0 190.0 44.0 190.0">', drawn)


def test_lines_are_told_apart_without_colour() -> None:
    lines = [Line("", (), style) for style in range(12)]
    assert len({(line.colour, line.dashes) for line in lines}) == 12
    assert all(sooner.dashes != later.dashes for sooner, later in pairwise(lines))


def test_each_moment_says_every_line_s_value_there() -> None:
    drawn = Plot("x", MS, [Line("p50", [(1, 3.0)]), Line("p99", [(1, None), (2, 1500.0)])]).figure()
    assert "<title>1 s\np50: 3 ms\np99: —</title>" in drawn
    assert "<title>2 s\np50: —\np99: 1.50 s</title>" in drawn


def test_a_long_run_has_a_bounded_number_of_moments() -> None:
    drawn = Plot("x", COUNT, [Line("a", [(place, 1.0) for place in range(10_000)])], load_axis("users")).figure()
    assert drawn.count("<rect") <= 120


def test_half_and_double_lie_equally_far_from_one() -> None:
    scale = RatioScale.around([Interval(1.5, 1.2, 1.9)])
    assert scale.ticks == (0.5, 1.0, 2)
    assert scale.place(1.0) - scale.place(0.5) == scale.place(2.0) - scale.place(1.0)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (MS.text(3.118), "3.12 ms"),
        (MS.text(1212.0), "1.21 s"),
        (MS.text(0.4), "0.40 ms"),
        (PER_S.text(1234.5), "1,234/s"),
        (MIB.text(2048), "2 GiB"),
        (CORES.text(None), "—"),
        (digits(41.14), "41.1"),
        (digits(7634), "7,634"),
    ],
)
def test_figures_are_written_with_three_digits_in_the_unit_that_fits(written: str, said: str) -> None:
    assert written == said


def colours(name: str) -> tuple[str, str]:
    found = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", STYLE)
    assert found
    return found[1], found[2]


def luminance(colour: str) -> float:
    parts = (int(colour[position : position + 2], 16) / 255 for position in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


INK = ("text", "soft", "good", "fault", *(f"c{position}" for position in range(1, 7)))
PAIRS = [*product(INK, ("back", "card")), ("good", "good-back"), ("fault", "fault-back"), ("text", "fault-back")]


@pytest.mark.parametrize(("ink", "behind"), PAIRS)
def test_text_and_lines_stand_out_at_least_4_5_to_1_in_light_and_dark(ink: str, behind: str) -> None:
    for front, back in zip(colours(ink), colours(behind), strict=True):
        lighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5
