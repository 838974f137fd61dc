"""What a call gets follows from the seed, the question and how often it was asked, whatever else is asked in between."""

from __future__ import annotations

from random import Random

import pytest

from loadtest.model.distribution import Distribution
from loadtest.model.faults import Fault, FaultRates
from loadtest.model.plan import Plan, Planner
from loadtest.model.replies import answers

QUESTIONS = [f"question {number}" for number in range(50)] * 3


def planner(seed: int = 1) -> Planner:
    return Planner(
        seed,
        first_token_s=Distribution.parse("lognormal:1,0.5"),
        tokens_per_s=Distribution.parse("uniform:10,30"),
        tokens=Distribution.parse("exponential:40"),
        faults=FaultRates.parse("429:0.1,hang:0.1,cut:0.2"),
    )


def plans(planner: Planner, questions: list[str]) -> dict[str, list[Plan]]:
    of: dict[str, list[Plan]] = {question: [] for question in questions}
    for question in questions:
        of[question].append(planner.plan(question))
    return of


def test_the_order_of_arrival_changes_nothing() -> None:
    shuffled = QUESTIONS.copy()
    Random(3).shuffle(shuffled)
    assert plans(planner(), QUESTIONS) == plans(planner(), shuffled)


def test_another_seed_gives_other_plans() -> None:
    assert plans(planner(1), QUESTIONS) != plans(planner(2), QUESTIONS)


def test_a_planner_that_has_forgotten_begins_anew() -> None:
    forgetful = planner()
    first = plans(forgetful, QUESTIONS)
    assert plans(forgetful, QUESTIONS) != first
    forgetful.forget()
    assert plans(forgetful, QUESTIONS) == first


def test_a_whole_text_answers_its_question_and_a_cut_one_does_not() -> None:
    for question, made in plans(planner(), QUESTIONS).items():
        for plan in made:
            assert answers(plan.text, question, 1) == (plan.fault is not Fault.CUT or plan.tokens == 1)


def test_faults_come_about_as_often_as_they_were_ordered() -> None:
    faults = [planner().plan(f"question {number}").fault for number in range(2000)]
    assert 320 < faults.count(Fault.CUT) < 480
    assert 1100 < faults.count(None) < 1300


@pytest.mark.parametrize("text", ["2", "fixed:2", "constant:2"])
def test_a_fixed_value_is_always_the_same(text: str) -> None:
    assert {Distribution.parse(text).draw(Random(seed)) for seed in range(20)} == {2.0}


@pytest.mark.parametrize(("text", "median"), [("uniform:1,3", 2.0), ("exponential:2", 1.39), ("lognormal:2,0.5", 2.0)])
def test_a_distribution_has_the_median_that_its_values_say(text: str, median: float) -> None:
    random = Random(1)
    drawn = sorted(Distribution.parse(text).draw(random) for _ in range(4001))
    assert drawn[2000] == pytest.approx(median, rel=0.1)


@pytest.mark.parametrize("text", ["", "two", "fixed:", "uniform:1", "lognormal:1,2,3", "poisson:1", "fixed:-1", "fixed:inf", "fixed:nan"])
def test_what_is_no_distribution_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(ValueError, match="lognormal:MEDIAN,SIGMA"):
        Distribution.parse(text)


@pytest.mark.parametrize("text", ["503:0.1", "429", "429:much", "429:0.6,cut:0.6", "cut:-0.1"])
def test_what_are_no_fault_rates_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(ValueError, match="429:RATE"):
        FaultRates.parse(text)
