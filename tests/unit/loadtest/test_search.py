"""The search for the highest load that is kept."""

import pytest

from loadtest.search import PRECISION, Bracket, highest


@pytest.mark.parametrize("capacity", [1, 3, 26, 99, 100, 640, 1999])
def test_it_ends_close_below_what_is_too_much(capacity):
    tried = []

    def is_kept(load: int) -> bool:
        tried.append(load)
        return load <= capacity

    found = highest(25, 10_000, is_kept, Bracket())
    assert found.kept <= capacity < found.broken
    assert found.broken <= max(found.kept * PRECISION, found.kept + 1)
    assert len(tried) == len(set(tried)) <= 14


def test_where_nothing_is_kept_it_says_so_after_going_down_to_one():
    assert highest(25, 1000, lambda _: False, Bracket()) == Bracket(0, 1)


def test_it_never_tries_more_than_its_limit():
    assert highest(25, 90, lambda load: load <= 90, Bracket()) == Bracket(90, None)


def test_it_goes_on_from_what_an_earlier_search_has_found():
    tried = []
    highest(25, 1000, lambda load: bool(tried.append(load)) or load < 150, Bracket(100, 200))
    assert tried[0] == 150
    assert min(tried) > 100
    assert max(tried) < 200
