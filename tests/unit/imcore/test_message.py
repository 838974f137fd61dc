import pytest

from imcore.errors import InvalidRequestError, TooLargeError
from imcore.message import check_content, storable


@pytest.mark.parametrize("text", ["hello", " padded ", "😀" * 8000, "漢字\n\tcode"])
def test_any_text_within_the_limit_is_content(text):
    assert check_content(text, 8000) == text


@pytest.mark.parametrize("text", ["", "   ", "\n\t", None, 7, ["a"], {"a": 1}, b"bytes", "nul\x00", "half \ud83d"])
def test_what_is_empty_not_text_or_not_storable_is_refused(text):
    with pytest.raises(InvalidRequestError, match="msg_content"):
        check_content(text, 8000)


def test_the_limit_counts_code_points():
    with pytest.raises(TooLargeError, match="8001 characters, at most 8000"):
        check_content("😀" * 8001, 8000)


def test_what_no_database_keeps_is_replaced_without_moving_the_rest():
    assert storable("a\x00b\ud83dc 😀") == "a\ufffdb\ufffdc 😀"
