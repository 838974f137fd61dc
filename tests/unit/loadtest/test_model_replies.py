"""Whoever knows the seed and the question can tell a right answer of the stand-in model from every wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.model.replies import answers, answers_one_of, begins_to_answer, reply_to

SEED = 7
QUESTION = "alice says 3: where is the café?"
REPLY = reply_to(QUESTION, SEED, call=2, words=30)


def test_the_text_is_as_long_as_it_says_and_names_the_call() -> None:
    assert REPLY.split(" ")[0] == "#2/30"
    assert len(REPLY.split(" ")) == 30


@settings(deadline=None)
@given(st.text(), st.integers(), st.integers(1, 1000), st.integers(1, 300))
def test_every_reply_answers_its_question(question: str, seed: int, call: int, words: int) -> None:
    assert answers(reply_to(question, seed, call=call, words=words), question, seed)


def test_the_calls_of_one_question_have_different_texts() -> None:
    first, second = (reply_to(QUESTION, SEED, call=call, words=30).split(" ")[1:] for call in (1, 2))
    assert first != second


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        REPLY[:-1],
        REPLY.rpartition(" ")[0],
        REPLY + " babel",
        REPLY.replace("#2/30", "#3/30"),
        REPLY[:80] + REPLY[70:],
        REPLY[:90] + reply_to(QUESTION, SEED, call=1, words=30)[90:],
        reply_to(QUESTION, SEED + 1, call=2, words=30),
        reply_to(QUESTION + "!", SEED, call=2, words=30),
        "#0/30",
        "I am sorry.",
    ],
)
def test_no_other_text_is_an_answer(wrong: str) -> None:
    assert not answers(wrong, QUESTION, SEED)


def test_it_is_enough_to_answer_one_of_several_questions() -> None:
    assert answers_one_of(REPLY, ["something else", QUESTION], SEED)
    assert not answers_one_of(REPLY, ["something else"], SEED)


@settings(deadline=None)
@given(st.integers(0, len(REPLY)))
def test_every_beginning_of_a_reply_begins_to_answer(length: int) -> None:
    assert begins_to_answer(REPLY[:length], QUESTION, SEED)


@pytest.mark.parametrize("wrong", ["#2/30 x", REPLY + " babel", "hello", "#2/30" + REPLY, REPLY[:60] + REPLY[50:]])
def test_what_is_no_beginning_of_a_reply_does_not(wrong: str) -> None:
    assert not begins_to_answer(wrong, QUESTION, SEED)


def test_there_are_characters_outside_the_basic_multilingual_plane() -> None:
    assert max(reply_to(QUESTION, SEED, words=300)) > "\uffff"
