"""What the users' process tells, as it is read while they talk."""

import json
import sys
from types import SimpleNamespace

import pytest

from loadtest.profiles import profile
from loadtest.running.load import Load, Model
from loadtest.running.samples import Sample
from loadtest.running.users import Told, Users, UsersFailedError

NOTHING = {"count": 0, "p50": 0.0, "p95": 0.0, "p99": 0.0, "max": 0.0}
TIMES = {"count": 30, "p50": 5.0, "p95": 8.0, "p99": 9.0, "max": 11.0}
SECOND = {"t_s": 2.0, "users": 7, "accept_ms": TIMES, "first_token_ms": NOTHING, "reply_ms": TIMES, "errors": 3}
COUNTS = {"accepted": 60, "lost": 0, "failed_by_code": {"model_timeout": 2}, "rejected_by_code": {}}
FINAL = {
    "final": True,
    "t_s": 3.0,
    "counts": COUNTS,
    "examples": [],
    "times": {"accept_ms": TIMES, "first_token_ms": TIMES, "reply_ms": NOTHING},
    "steady_times": {"accept_ms": NOTHING, "first_token_ms": TIMES, "reply_ms": TIMES},
    "steady_from_s": 1.2,
    "availability": 1.0,
}


def users_who(program: str) -> Users:
    users = Users(SimpleNamespace(apis=[], profile=profile("embedded")), Load(), Model())
    users._command = [sys.executable, "-c", f"import sys, time; out = open(sys.argv[1], 'w')\n{program}", str(users._out)]
    return users


def written(*lines: object) -> str:
    return "\n".join(f"out.write({json.dumps(line)!r} + chr(10)); out.flush()" for line in lines)


def test_lines_are_read_as_they_come_up_to_the_last_with_all_counts():
    with users_who(written(SECOND, {**SECOND, "t_s": 3.0}, FINAL)) as users:
        told = list(users.seconds())
        final = users.final()
    assert [(one.line["t_s"], one.after_s) for one in told] == [(2.0, 2.0), (3.0, 1.0)]
    assert final.counts == {"accepted": 60, "lost": 0}
    assert final.failed_by_code == {"model_timeout": 2}
    assert (final.times["accept"]["p99"], final.times["reply"]) == (9.0, {})
    assert (final.steady_from_s, final.steady_times["accept"], final.steady_times["reply"]["p99"]) == (1.2, {}, 9.0)


def test_a_line_that_is_still_being_written_is_waited_for():
    halves = json.dumps(FINAL)[:40], json.dumps(FINAL)[40:]
    program = f"out.write({halves[0]!r}); out.flush(); time.sleep(0.2); out.write({halves[1]!r} + chr(10)); out.flush()"
    with users_who(program) as users:
        assert list(users.seconds()) == []
        assert users.final().counts["accepted"] == 60


def test_users_who_end_without_their_counts_have_failed_and_their_log_says_why():
    with users_who(f"{written(SECOND)}\nraise RuntimeError('no such host')") as users:
        assert len(list(users.seconds())) == 1
        with pytest.raises(UsersFailedError, match="no such host"):
            users.final()


def test_users_who_would_talk_for_ever_are_ended_with_the_block():
    with users_who(f"{written(SECOND)}\ntime.sleep(600)") as users:
        next(users.seconds())
        process = users._process
    assert process.returncode is not None


def test_a_second_is_told_in_rates_and_what_was_not_timed_is_left_out():
    before, now = Sample(0, {"api 1": 1.0}, {}), Sample(2, {"api 1": 2.0}, {"api 1": 90.0}, queue_depth=4.0)
    moment = Told(SECOND, after_s=2.0).moment(now, before)
    assert (moment["sends_per_s"], moment["replies_per_s"], moment["errors_per_s"]) == (15, 15, 1.5)
    assert (moment["accept_ms"]["p99"], moment["first_token_ms"]) == (9.0, {})
    assert (moment["cpu_cores"], moment["memory_mib"], moment["queue_depth"]) == ({"api 1": 0.5}, {"api 1": 90.0}, 4.0)
