"""What steps of a capacity search have shown."""

from loadtest.capacity import known, limits_for
from loadtest.running.load import Model
from loadtest.search import Bracket


def step(users: int, *, kept: bool) -> dict:
    return {"users": users, "kept": kept, "why": "", "counts": {}, "summary": {}}


def test_a_load_is_too_much_only_once_every_try_has_failed():
    once = [step(50, kept=True), step(100, kept=False)]
    assert known(once) == Bracket(50, None)
    assert known([*once, step(100, kept=False)]) == Bracket(50, 100)


def test_a_load_that_was_kept_at_the_second_try_was_kept():
    assert known([step(100, kept=False), step(100, kept=True)]) == Bracket(100, None)


def test_the_limit_of_the_first_token_is_a_second_beyond_what_the_model_takes_itself():
    assert limits_for(Model("fixed:0.2")).first_token_p99_ms == 1200
    slow = limits_for(Model("uniform:1,2")).first_token_p99_ms
    assert 2980 <= slow <= 3000


def test_a_model_that_is_asked_to_fail_may():
    assert limits_for(Model(faults="500:0.1")).errors is None
    assert limits_for(Model()).errors == 0
