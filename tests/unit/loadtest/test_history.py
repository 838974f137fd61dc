"""The history is compared with what was told, and each mode of double texting has its own rules for it."""

from __future__ import annotations

from typing import Any

import pytest

from imcore.double_texting import DoubleTexting
from loadtest.users.conversation import Conversation
from loadtest.users.double_texting import breaches
from loadtest.users.history import Defects, differences
from tests.unit.loadtest.told import SEED, accepted, cancels, completes, conversation, reply_message, right_reply, stored

History = list[dict[str, Any]]


def kinds(found: Defects) -> list[str]:
    return [kind for kind, _ in found]


def compared(talk: Conversation, history: History) -> list[str]:
    return kinds(differences(list(talk.sent.values()), talk.replies, history))


def broken(talk: Conversation, history: History) -> list[str]:
    return kinds(breaches(talk.mode, talk.sent.values(), talk.replies, history, talk.model_seed))


def two_in_turn(mode: DoubleTexting = DoubleTexting.QUEUE) -> tuple[Conversation, History]:
    """Question, answer, question, answer."""
    talk, history = conversation(mode), []
    for seq in (1, 3):
        sent = accepted(talk, seq)
        history += [stored(sent, seq), completes(talk, sent, seq=seq + 1)]
    return talk, history


def two_at_once(mode: DoubleTexting = DoubleTexting.QUEUE) -> tuple[Conversation, History]:
    """Question, question, answer, answer."""
    talk = conversation(mode)
    questions = [accepted(talk, 1), accepted(talk, 2)]
    return talk, [
        *(stored(sent, seq) for seq, sent in enumerate(questions, 1)),
        *(completes(talk, sent, seq=seq) for seq, sent in enumerate(questions, 3)),
    ]


@pytest.mark.parametrize("mode", list(DoubleTexting))
def test_question_and_answer_in_turn_are_right_in_every_mode(mode: DoubleTexting) -> None:
    talk, history = two_in_turn(mode)
    assert compared(talk, history) + broken(talk, history) == []


def test_a_message_that_is_missing_is_lost_be_it_a_question_or_an_answer() -> None:
    talk, history = two_in_turn()
    assert compared(talk, history[1:]) == ["lost"]
    assert compared(talk, history[:-1]) == ["lost"]


def test_another_text_than_was_told_is_a_mismatch() -> None:
    talk, history = two_in_turn()
    assert compared(talk, [*history[:-1], history[-1] | {"msg_content": "something else"}]) == ["text_mismatch"]


def test_a_message_that_is_there_twice_or_that_nobody_was_told_of_is_doubled() -> None:
    talk, history = two_in_turn()
    assert compared(talk, [*history, history[1]]) == ["doubled"]
    assert compared(talk, [*history, reply_message("again", 9, "ai-9")]) == ["doubled"]


def test_a_reply_to_nothing_that_was_said_is_a_violation() -> None:
    talk, history = two_in_turn()
    talk.hear({"type": "reply.started", "record_id": "a stranger's", "attempt": 1, "ai_message_id": "ai-9"})
    assert compared(talk, history) == ["violations"]


def test_answers_stored_in_another_order_than_their_questions_are_out_of_order() -> None:
    talk, history = two_at_once()
    history[2], history[3] = history[2] | {"seq": 4}, history[3] | {"seq": 3}
    assert broken(talk, history) == ["out_of_order"]


@pytest.mark.parametrize("mode", list(DoubleTexting))
def test_two_questions_before_the_first_answer_are_wrong_only_where_the_second_must_be_refused(mode: DoubleTexting) -> None:
    assert broken(*two_at_once(mode)) == (["violations"] if mode is DoubleTexting.REJECT else [])


@pytest.mark.parametrize("mode", list(DoubleTexting))
def test_one_answer_to_two_questions_is_right_only_where_they_are_merged(mode: DoubleTexting) -> None:
    talk = conversation(mode, model_seed=SEED)
    first, second = accepted(talk, 1), accepted(talk, 2)
    _, answer = (completes(talk, sent, right_reply(second), seq=3, ai_message_id="ai-1") for sent in (first, second))
    found = broken(talk, [stored(first, 1), stored(second, 2), answer])
    assert ("violations" in found) == (mode is not DoubleTexting.MERGE)
    if mode is DoubleTexting.MERGE:
        assert found == []


def test_merged_questions_must_be_answered_by_the_newest_ones_answer() -> None:
    talk = conversation(DoubleTexting.MERGE)
    first, second = accepted(talk, 1), accepted(talk, 2)
    _, answer = (completes(talk, sent, right_reply(first), seq=3, ai_message_id="ai-1") for sent in (first, second))
    assert broken(talk, [stored(first, 1), stored(second, 2), answer]) == ["text_mismatch"]


def test_a_reply_may_be_interrupted_by_a_later_message_and_by_nothing_else() -> None:
    talk = conversation(DoubleTexting.INTERRUPT)
    first, second = accepted(talk, 1), accepted(talk, 2)
    cancels(talk, first)
    completes(talk, second, seq=3)
    history = [stored(first, 1), stored(second, 2)]
    assert broken(talk, history) == []
    third = accepted(talk, 4)
    cancels(talk, third)
    assert broken(talk, [*history, stored(third, 4)]) == ["violations"]
