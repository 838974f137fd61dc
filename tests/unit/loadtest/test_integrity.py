"""Integrity adds up, says what is wrong in words, and knows what was the service's fault."""

from __future__ import annotations

import json

from loadtest.users.integrity import MAX_EXAMPLES, Integrity


def filled(times: int) -> Integrity:
    integrity = Integrity()
    for _ in range(times):
        integrity.count("accepted")
        integrity.failed("llm_timeout")
        integrity.rejected("queue_full", 503)
        integrity.rejected("rate_limited", 429)
        integrity.rejected("no_answer", None)
        integrity.defect("lost", "it is gone")
    return integrity


def test_what_several_processes_took_adds_up_to_what_one_would_have_counted() -> None:
    together = Integrity()
    for part in (filled(2), filled(3)):
        together.merge(json.loads(json.dumps(part.take())))
        assert part.counts() == Integrity().counts()
        assert part.examples == []
    assert together.counts() == filled(5).counts()
    assert together.examples == filled(5).examples


def test_availability_counts_server_errors_and_silence_and_not_what_a_client_did() -> None:
    assert filled(4).availability == 4 / 12
    assert Integrity().availability == 1.0


def test_examples_are_bounded_and_counts_are_not() -> None:
    many = filled(MAX_EXAMPLES * 2)
    assert len(many.examples) == MAX_EXAMPLES
    assert many.counts()["lost"] == many.defects == MAX_EXAMPLES * 2


def test_failures_and_refusals_are_counted_by_code() -> None:
    counts = filled(2).counts()
    assert counts["failed_by_code"] == {"llm_timeout": 2}
    assert counts["rejected_by_code"] == {"queue_full": 2, "rate_limited": 2, "no_answer": 2}
    assert (counts["failed"], counts["rejected"], counts["unavailable"]) == (2, 6, 4)
