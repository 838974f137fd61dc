"""What is claimed of a benchmark's figures, and which rounds have to keep it."""

import pytest

from loadtest.benchmarks.benchmark import Benchmark, Claim, Sample, bound, ratio
from loadtest.benchmarks.report import report
from loadtest.benchmarks.results import Results
from loadtest.benchmarks.whole_path.replies import without_model

ENVIRONMENT = dict.fromkeys(("base", "commit", "begun_at", "python", "cpus", "postgresql", "redis"), "")


def test_a_figure_that_varies_keeps_its_bound_by_the_median_of_the_rounds():
    assert bound("imcore", "accept_p99_ms", at_most=50).holds([40, 45, 900])
    assert not bound("imcore", "accept_p99_ms", at_most=50).holds([40, 51, 900])


def test_what_must_never_happen_may_happen_in_no_round():
    never = bound("imcore", "failures", at_most=0)
    assert never.holds([0, 0, 0])
    assert not never.holds([0, 1, 0])


def test_a_claim_without_a_bound_always_holds():
    assert ratio("imcore", "baseline", "sends_per_cpu_s").holds([0.1])


def test_what_the_stand_in_model_costs_by_itself_is_taken_off_both_sides_of_a_ratio():
    figures = {
        "imcore@100": {"replies_per_cpu_s": 250.0},
        "langgraph@100": {"replies_per_cpu_s": 50.0},
        "model@100": {"replies_per_cpu_s": 1000.0},
    }
    assert without_model("langgraph", 100, at_least=5).of(figures) == pytest.approx((20 - 1) / (4 - 1))


@pytest.mark.parametrize(
    ("failures", "said"), [([0, 0, 0], "holds: at most 0 in every round"), ([0, 0, 7], "FALLS SHORT: at most 0 in every")]
)
def test_one_failure_in_one_round_is_told_whatever_the_median(failures: list[int], said: str, tmp_path):
    rounds = [{"imcore": Sample({"failures": count})} for count in failures]
    claim: Claim = bound("imcore", "failures", at_most=0)
    text = report(Results(tmp_path, ENVIRONMENT, {"sends": rounds}), [Benchmark("sends", "Sends", [], ["failures"], [claim])])
    assert said in text
    assert ("falls short: sends: failures: imcore" in text) == any(failures)
