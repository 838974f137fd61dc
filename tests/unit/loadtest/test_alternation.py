"""The order in which two profiles take their turns."""

from loadtest.compare import alternating


def test_neither_profile_always_goes_first():
    assert alternating(4) == [("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")]
