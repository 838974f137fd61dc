"""Student's t distribution against the tables."""

import pytest

from loadtest.student import quantile


@pytest.mark.parametrize(
    ("p", "degrees", "value"),
    [(0.975, 1, 12.706), (0.975, 4, 2.776), (0.995, 4, 4.604), (0.995, 9, 3.250), (0.9995, 4, 8.610), (0.975, 120, 1.980)],
)
def test_quantiles_are_those_of_the_tables(p, degrees, value):
    assert quantile(p, degrees) == pytest.approx(value, abs=0.001)
