"""Percentiles of times are right within one per cent."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.users.times import Times


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 100_000), min_size=2, max_size=200), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_within_one_per_cent(times_ms: list[float], percent: int) -> None:
    times = Times()
    for ms in times_ms:
        times.add(ms)
    exact = sorted(times_ms)[-(-len(times_ms) * percent // 100) - 1]
    assert times.percentile(percent / 100) == pytest.approx(exact, rel=0.0101)


def test_count_maximum_and_mean_are_exact() -> None:
    times, ms = Times(), [1.0, 2.5, 1000.0]
    for each in ms:
        times.add(each)
    shown = times.as_json()
    assert (shown["count"], shown["max"], shown["mean"]) == (3, 1000.0, round(statistics.mean(ms), 2))
