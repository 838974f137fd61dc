"""Whether a run passed."""

import pytest

from loadtest.result import INTEGRITY
from loadtest.verdict import Limits, verdict

GOOD = {"accepted": 10, "replied": 10, "failed": 0, "rejected": 0, **dict.fromkeys(INTEGRITY, 0)}
SUMMARY = {"accept_ms": {"p99": 150.0}, "first_token_ms": {"p99": 900.0}, "availability": 1.0}
CLEAN = {"double_replies": 0}


def reasons(counts=GOOD, summary=SUMMARY, audit=CLEAN, **limits) -> list[str]:
    found = verdict(counts, summary, audit, Limits(**limits))
    assert found["passed"] == (not found["reasons"])
    return found["reasons"]


def test_a_run_without_a_fault_passes_also_where_the_store_cannot_be_read():
    assert reasons() == []
    assert reasons(audit=None) == []


@pytest.mark.parametrize("name", INTEGRITY)
def test_one_broken_promise_fails_a_run_whatever_its_speed(name):
    assert reasons(counts={**GOOD, name: 1}) == [f"1 {name.replace('_', ' ')}"]


def test_what_the_audit_finds_fails_a_run():
    assert reasons(audit={"double_replies": 2}) == ["audit: 2 double replies"]


def test_a_run_in_which_nothing_was_answered_fails():
    assert reasons(counts={**GOOD, "replied": 0})


@pytest.mark.parametrize(
    ("limits", "summary"),
    [
        ({"accept_p99_ms": 149.0}, SUMMARY),
        ({"first_token_p99_ms": 800.0}, SUMMARY),
        ({"availability": 0.999}, {**SUMMARY, "availability": 0.99}),
        ({"accept_p99_ms": 200.0}, {**SUMMARY, "accept_ms": {}}),
    ],
)
def test_a_figure_beyond_its_limit_or_not_measured_at_all_fails_a_run(limits, summary):
    assert len(reasons(summary=summary, **limits)) == 1


def test_figures_at_their_limits_pass():
    assert reasons(accept_p99_ms=150.0, first_token_p99_ms=900.0, availability=1.0, errors=0) == []


def test_failed_replies_and_refusals_are_errors():
    assert reasons(counts={**GOOD, "failed": 1, "rejected": 2}, errors=2) == ["3 errors, 2 are allowed"]
