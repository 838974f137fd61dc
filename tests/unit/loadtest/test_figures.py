"""Comparing two profiles: noise is called noise, a real difference is found."""

import random

import pytest

from loadtest.figures import FIGURES, Figure, compare

ROUNDS = 5
NOISE = 0.10
TRIALS = 400


def summaries(die: random.Random, *, slower: float = 1.0, noise: float = NOISE) -> list[dict]:
    """Rounds of a profile; what hits the figures of one round has a part in common, as on a machine that others use too."""
    return [summary(die, die.gauss(0, noise), slower, noise) for _ in range(ROUNDS)]


def summary(die: random.Random, common: float, slower: float, noise: float) -> dict:
    def time_ms(ms: float) -> float:
        return ms * slower * 2.718281828 ** (common + die.gauss(0, noise))

    times = [{"p50": time_ms(10), "p95": time_ms(30), "p99": time_ms(50), "max": time_ms(90)} for _ in range(3)]
    return {
        "replies_per_s": 1e4 / time_ms(10),
        "replies_per_cpu_s": 1e4 / time_ms(10),
        "accept_ms": times[0],
        "first_token_ms": times[1],
        "reply_ms": times[2],
        "memory_mib": {"api": 100.0, "worker": time_ms(10)},
    }


def verdicts(a: list[dict], b: list[dict]) -> dict[str, str]:
    return {figure["name"]: figure["verdict"] for figure in compare(a, b)}


def test_a_against_a_is_called_noise_in_well_over_nine_of_ten_comparisons_over_all_figures_together():
    die = random.Random(1)
    alarms = sum(set(verdicts(summaries(die), summaries(die)).values()) != {"inside the noise"} for _ in range(TRIALS))
    assert alarms <= 0.05 * TRIALS


def test_a_profile_that_is_half_as_slow_again_is_found_out_in_its_times_and_rates():
    die = random.Random(2)
    found = [verdicts(summaries(die, noise=0.04), summaries(die, slower=1.5, noise=0.04)) for _ in range(50)]
    for name in ("replies", "accepted, p50", "first token, p99"):
        assert sum(one[name] == "A is better" for one in found) >= 45
        assert not any(one[name] == "B is better" for one in found)


def test_a_small_difference_inside_the_noise_is_called_noise():
    die = random.Random(3)
    found = [verdicts(summaries(die), summaries(die, slower=1.02)) for _ in range(100)]
    assert sum(set(one.values()) != {"inside the noise"} for one in found) <= 10


def test_a_sure_difference_that_nobody_would_choose_by_is_called_noise():
    die = random.Random(4)
    (replies,) = compare(summaries(die, noise=1e-6), summaries(die, slower=1.01, noise=1e-6), FIGURES[:1])
    assert replies["high"] < 1
    assert replies["verdict"] == "inside the noise"


def test_two_rounds_say_nothing_for_sure():
    die = random.Random(5)
    found = compare(summaries(die)[:2], summaries(die, slower=3)[:2])
    assert {figure["verdict"] for figure in found} == {"inside the noise"}
    assert {figure["low"] for figure in found} == {None}


def test_a_figure_that_a_round_did_not_measure_is_left_out():
    die = random.Random(6)
    a, b = summaries(die), summaries(die)
    a[2]["accept_ms"] = {}
    assert "accepted, p50" not in verdicts(a, b)
    assert "replies" in verdicts(a, b)


@pytest.mark.parametrize(("better", "verdict"), [("higher", "B is better"), ("lower", "A is better")])
def test_more_is_better_only_where_more_is_better(better, verdict):
    (figure,) = compare([{"x": value} for value in (1.0, 1.1, 1.05)], [{"x": value} for value in (2.0, 2.2, 2.1)], [_x(better)])
    assert figure["verdict"] == verdict
    assert figure["low"] <= figure["ratio"] <= figure["high"]


def _x(better: str):
    return Figure("x", "1", better, lambda summary: summary["x"])
