import random

import pytest

from imcore.chat_record import ChatRecord, ReplyError
from imcore.clock import utc_now
from imcore.events import ReplyDelta, ReplyFailed, ReplyStarted, ShowReply
from imcore.live_replies import LiveReplies

RECORD = "r1"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def asked() -> list[ShowReply]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(asked, clock) -> LiveReplies:
    return LiveReplies(asked.append, clock, here="here")


def started(attempt: int = 1, origin: str = "") -> ReplyStarted:
    return ReplyStarted(RECORD, attempt, "alice", "m1", "a1", origin)


def delta(offset: int, text: str, attempt: int = 1) -> ReplyDelta:
    return ReplyDelta(RECORD, attempt, offset, text)


def failed(attempt: int = 1) -> ReplyFailed:
    return ReplyFailed(RECORD, attempt, ReplyError("llm_timeout", "slow"))


def heard(live: LiveReplies, *events):
    return [live.hear("alice", event) for event in events]


def test_what_comes_in_order_is_handed_on_as_it_is(live):
    events = [started(), delta(0, "He"), delta(2, "llo"), failed()]
    assert heard(live, *events) == events


def test_a_gap_is_not_handed_on_but_asked_about_until_the_whole_text_is_shown(live, asked):
    assert heard(live, started(), delta(0, "He"), delta(4, "o")) == [started(), delta(0, "He"), None]
    assert asked == [ShowReply(RECORD)]
    assert heard(live, delta(0, "Hello w"), delta(7, "orld")) == [delta(2, "llo w"), delta(7, "orld")]


def test_a_process_that_comes_late_hands_on_nothing_before_the_whole_text_is_shown(live, asked):
    assert heard(live, delta(40, "late")) == [None]
    assert asked == [ShowReply(RECORD)]
    assert heard(live, delta(0, "x" * 44), delta(44, "y")) == [delta(0, "x" * 44), delta(44, "y")]


def test_a_repeated_delta_is_said_once(live):
    assert heard(live, started(), delta(0, "ab"), delta(0, "ab"), delta(1, "bc")) == [started(), delta(0, "ab"), None, delta(2, "c")]


def test_a_new_attempt_replaces_all_and_the_old_one_is_silenced(live):
    heard(live, started(), delta(0, "old"))
    assert heard(live, started(2), delta(3, " zombie"), delta(0, "new", 2)) == [started(2), None, delta(0, "new", 2)]
    assert live.snapshot(RECORD) == delta(0, "new", 2)


def test_after_the_end_nothing_of_that_attempt_is_heard_any_more(live):
    heard(live, started(2), failed(2))
    assert heard(live, delta(0, "zombie"), started(1), delta(0, "late", 2), failed(2)) == [None] * 4
    assert live.snapshot(RECORD) is None


def test_a_retried_reply_is_heard_again(live):
    heard(live, started(), failed())
    assert heard(live, started(2)) == [started(2)]


def test_the_writer_is_not_asked_again_before_it_can_have_answered(live, asked, clock):
    heard(live, delta(5, "a"), delta(6, "b"))
    assert len(asked) == 1
    clock.now = 1.0
    heard(live, delta(7, "c"))
    assert len(asked) == 2


@pytest.mark.parametrize("seed", range(50))
def test_whatever_is_lost_or_repeated_the_text_handed_on_is_always_a_true_beginning(live, seed):
    dice = random.Random(seed)
    whole = "".join(chr(dice.randrange(97, 123)) for _ in range(200))
    shown = ""
    at = 0
    while at < len(whole):
        size = dice.randrange(1, 9)
        fate = dice.random()
        events = [] if fate < 0.2 else [delta(at, whole[at : at + size])] * (2 if fate < 0.4 else 1)
        at += size
        if fate > 0.9:
            events.append(delta(0, whole[:at]))
        for event in events:
            said = live.hear("alice", event)
            if said is not None:
                assert said.offset == len(shown) or said.offset == 0
                shown = shown[: said.offset] + said.text
        assert whole.startswith(shown)
    live.hear("alice", delta(0, whole))
    assert live.snapshot(RECORD).text == whole


def test_what_was_asked_for_in_vain_is_forgotten(live, clock):
    heard(live, delta(5, "a"))
    clock.now = 1000.0
    live.silent()
    assert live._asked == {}


def test_a_delta_of_an_older_attempt_is_silenced_even_where_it_would_fit(live):
    heard(live, started(2), delta(0, "new", 2))
    assert heard(live, delta(3, " zombie"), delta(0, "newer zombie")) == [None, None]
    assert live.snapshot(RECORD) == delta(0, "new", 2)


def test_what_was_heard_of_an_older_attempt_is_not_the_text_so_far(live, asked):
    heard(live, started(), delta(0, "old"))
    now = utc_now()
    record = ChatRecord(RECORD, "alice", "alice", "m1", now, now, attempt=2, response_content={"text": "as stored"})
    assert live.so_far(record, record) == delta(0, "as stored", 2)
    assert asked == [ShowReply(RECORD)]


@pytest.mark.parametrize("origin", ["", "here"])
def test_a_reply_whose_deltas_come_here_is_not_asked_for(live, asked, origin):
    assert heard(live, started(origin=origin), delta(0, "He")) == [started(origin=origin), delta(0, "He")]
    assert asked == []


def test_a_reply_whose_deltas_go_elsewhere_is_asked_for_if_its_user_reads_here(live, asked):
    assert heard(live, started(origin="there"), delta(0, "Hello")) == [started(origin="there"), delta(0, "Hello")]
    assert asked == [ShowReply(RECORD)]


def test_each_attempt_is_asked_for_however_soon_it_follows(live, asked):
    live.ask(RECORD)
    heard(live, started(origin="there"), started(attempt=2, origin="there"))
    assert asked == [ShowReply(RECORD)] * 3


def test_a_reply_whose_deltas_go_elsewhere_is_not_known_here_until_somebody_reads_it(live, asked):
    heard(live, started(), delta(0, "He"))
    assert live.hear("alice", started(attempt=2, origin="there"), has_readers=False) is None
    assert (live.snapshot(RECORD), live.running(), asked) == (None, [], [])
    record = ChatRecord(RECORD, "alice", "alice", "m1", utc_now(), utc_now(), attempt=2, response_content={"text": "Hel"})
    assert live.so_far(record, record) == delta(0, "Hel", attempt=2)
    assert asked == [ShowReply(RECORD)]


def test_the_text_so_far_of_a_merged_record_is_no_shorter_than_what_was_shown_of_it(live):
    leader = ChatRecord("leader", "alice", "alice", "m0", utc_now(), utc_now(), attempt=1)
    record = ChatRecord(RECORD, "alice", "alice", "m1", utc_now(), utc_now(), attempt=1)
    heard(live, started(), delta(0, "Hello"))
    assert live.so_far(record, leader) == delta(0, "Hello")
    assert heard(live, delta(0, "Hello world")) == [delta(5, " world")]


def test_a_late_text_of_the_attempt_before_does_not_hide_that_the_new_one_is_told_elsewhere(live, asked):
    live.hear("alice", started(1), has_readers=False)
    live.hear("alice", started(2, "there"), has_readers=False)
    live.hear("alice", delta(0, "of a writer that lost its lease"), has_readers=False)
    live.come_to_read("alice")

    assert (asked, live.snapshot(RECORD)) == ([ShowReply(RECORD)], None)


def test_a_late_piece_of_the_attempt_before_asks_for_nothing_that_nobody_reads(live, asked):
    """The answer, and all that follows, would go to every process."""
    live.hear("alice", started(1), has_readers=False)
    live.hear("alice", delta(0, "one"), has_readers=False)
    live.hear("alice", started(2, "there"), has_readers=False)
    live.hear("alice", delta(3, "two"), has_readers=False)

    assert asked == []
