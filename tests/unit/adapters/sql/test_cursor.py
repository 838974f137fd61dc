from __future__ import annotations

import pytest

from adapters.sql.cursor import decoded, encoded
from imcore.errors import InvalidRequestError


@pytest.mark.parametrize("key", [1, 9, 10, 123_456_789, (1 << 63) - 1])
def test_a_cursor_leads_back_to_its_key(key: int) -> None:
    assert decoded(encoded(key)) == key


@pytest.mark.parametrize("key", [0, -1, 1 << 63])
def test_a_key_that_no_row_has_makes_no_cursor(key: int) -> None:
    with pytest.raises(InvalidRequestError):
        decoded(encoded(key))
