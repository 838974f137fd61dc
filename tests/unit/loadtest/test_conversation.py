"""A conversation that goes well has no defect, and each thing that can go wrong is counted as what it is."""

from __future__ import annotations

import pytest

from imcore.double_texting import DoubleTexting
from tests.unit.loadtest.told import SEED, accepted, cancels, completes, conversation, defects, right_reply, stored


def test_messages_that_are_answered_in_order_with_the_models_text_have_no_defect() -> None:
    talk = conversation()
    for seq in (1, 3, 5):
        sent = accepted(talk, seq)
        completes(talk, sent)
        assert sent.settled.is_set()
    counts = talk.integrity.counts()
    assert (counts["sent"], counts["accepted"], counts["replied"], defects(talk)) == (3, 3, 3, {})


def test_the_same_seed_says_the_same_and_another_does_not() -> None:
    said = [[talk.compose("ann").text for _ in range(5)] for talk in (conversation(dice=1), conversation(dice=1), conversation(dice=2))]
    assert said[0] == said[1] != said[2]


def test_an_answer_to_another_question_is_a_mismatch() -> None:
    talk = conversation()
    first, second = accepted(talk, 1), accepted(talk, 2)
    completes(talk, first, right_reply(second))
    assert defects(talk) == {"text_mismatch": 1}


def test_an_answer_with_a_word_missing_is_a_mismatch() -> None:
    talk = conversation()
    sent = accepted(talk, 1)
    completes(talk, sent, right_reply(sent).rpartition(" ")[0])
    assert defects(talk) == {"text_mismatch": 1}


def test_without_a_seed_any_text_will_do() -> None:
    talk = conversation(model_seed=None)
    completes(talk, accepted(talk, 1), "I am another model.")
    assert defects(talk) == {}


def test_an_answer_that_overtakes_another_is_out_of_order() -> None:
    talk = conversation()
    first, second = accepted(talk, 1), accepted(talk, 2)
    completes(talk, second)
    completes(talk, first)
    assert defects(talk) == {"out_of_order": 1}


def test_a_message_with_two_records_is_doubled() -> None:
    talk = conversation()
    sent = accepted(talk, 1)
    talk.accept(stored(sent, 1), "record-1")
    assert defects(talk) == {}
    talk.accept(stored(sent, 1), "record-2")
    assert defects(talk) == {"doubled": 1}


def test_a_message_stored_with_another_text_is_a_mismatch() -> None:
    talk = conversation()
    sent = talk.compose("ann")
    talk.accept(stored(sent, 1) | {"msg_content": "something else"}, "record-1")
    assert defects(talk) == {"text_mismatch": 1}


def test_an_end_that_is_told_twice_counts_once() -> None:
    talk = conversation()
    sent = accepted(talk, 1)
    completes(talk, sent)
    completes(talk, sent)
    assert talk.integrity.counts()["replied"] == 1
    assert defects(talk) == {}


def test_an_end_that_overtakes_the_acknowledgement_counts_all_the_same() -> None:
    talk = conversation()
    sent = talk.compose("ann")
    message = {"message_id": "ai-1", "session_id": "ann", "msg_content": right_reply(sent)}
    talk.hear({"type": "reply.completed", "record_id": "record-1", "attempt": 1, "message": message})
    talk.accept(stored(sent, 1), "record-1")
    assert talk.integrity.counts()["replied"] == 1
    assert sent.settled.is_set()
    assert defects(talk) == {}


def test_a_message_of_another_session_is_a_violation() -> None:
    talk = conversation()
    sent = accepted(talk, 1)
    message = {"message_id": "ai-1", "session_id": "bob", "msg_content": right_reply(sent)}
    talk.hear({"type": "reply.completed", "record_id": sent.record_id, "attempt": 1, "message": message})
    assert defects(talk) == {"violations": 1}


def test_a_gap_asks_for_a_resume() -> None:
    talk = conversation()
    sent = accepted(talk, 1)
    gap = {"type": "reply.delta", "record_id": sent.record_id, "attempt": 1, "offset": 9, "text": "x"}
    assert talk.hear(gap, caught_up=True) is False
    assert talk.hear(gap, caught_up=False) is True
    assert defects(talk) == {"violations": 1}


def test_a_failed_reply_is_counted_by_its_code_and_settles_the_message() -> None:
    talk = conversation()
    sent = accepted(talk, 1)
    talk.hear({"type": "reply.failed", "record_id": sent.record_id, "attempt": 1, "error": {"code": "llm_timeout"}, "retryable": True})
    assert sent.settled.is_set()
    assert talk.integrity.counts()["failed_by_code"] == {"llm_timeout": 1}
    assert defects(talk) == {}


@pytest.mark.parametrize("mode", list(DoubleTexting))
def test_only_interrupt_may_cancel(mode: DoubleTexting) -> None:
    talk = conversation(mode)
    sent = accepted(talk, 1)
    cancels(talk, sent, right_reply(sent)[:20])
    assert defects(talk) == ({} if mode is DoubleTexting.INTERRUPT else {"violations": 1})


def test_a_cancelled_text_must_be_the_beginning_of_the_answer() -> None:
    talk = conversation(DoubleTexting.INTERRUPT)
    cancels(talk, accepted(talk, 1), "#1/12 something else")
    assert defects(talk) == {"text_mismatch": 1}


@pytest.mark.parametrize("mode", list(DoubleTexting))
def test_only_reject_may_refuse_double_texting(mode: DoubleTexting) -> None:
    talk = conversation(mode)
    talk.reject(talk.compose("ann"), "reply_in_progress", 409, finally_=True)
    assert defects(talk) == ({} if mode is DoubleTexting.REJECT else {"violations": 1})


def test_what_nobody_answered_is_uncertain_and_what_was_refused_is_not() -> None:
    talk = conversation()
    refused, unanswered, unavailable = (talk.compose("ann") for _ in range(3))
    talk.reject(refused, "rate_limited", 429, finally_=True)
    talk.reject(unanswered, "no_answer", None, finally_=True)
    talk.reject(unavailable, "store_unavailable", 503, finally_=True)
    assert talk.uncertain == [unanswered, unavailable]
    talk.adopt(unanswered, "record-9")
    assert talk.open == [unanswered]
    assert talk.integrity.counts()["accepted"] == 1


def test_merged_messages_may_be_answered_by_the_newest_ones_answer() -> None:
    merging, queueing = conversation(DoubleTexting.MERGE), conversation(DoubleTexting.QUEUE)
    for talk in (merging, queueing):
        first, second = accepted(talk, 1), accepted(talk, 2)
        for sent in (first, second):
            completes(talk, sent, right_reply(second), ai_message_id="ai-1")
    assert defects(merging) == {}
    assert defects(queueing) == {"text_mismatch": 1}
    assert merging.model_seed == SEED
