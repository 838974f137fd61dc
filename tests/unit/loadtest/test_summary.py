"""A run's figures, from its seconds."""

from dataclasses import replace

import pytest

from loadtest.running.load import Load
from loadtest.running.samples import Sample
from loadtest.running.summary import Second, summary
from loadtest.running.users import Final

LOAD = Load(users=20, spawn_rate=10, seconds=10)
FINAL = Final({}, {}, {}, [], times={"accept": {"p99": 900.0}}, steady_times={"accept": {"p99": 9.0}}, steady_from_s=2.1, availability=1.0)


def sample(at: float, api: float, **more: float) -> Sample:
    return Sample(at=at, cpu_s={"api 1": api, "client": at * 9, **more}, memory_mib={"api 1": 100 + at, "client": 50})


def seconds(count: int) -> list[Second]:
    """Each second 40 sends, and the API uses half a core; while the users come there are none."""
    return [
        Second({"t_s": at, "users": 20, "sends_per_s": 0 if at <= 2 else 40, "replies_per_s": 0 if at <= 2 else 20}, sample(at, at / 2))
        for at in range(1, count + 1)
    ]


def test_rates_leave_out_the_time_in_which_users_come_and_that_in_which_they_only_wait():
    told = [*seconds(10), *(Second({"t_s": at, "users": 0, "sends_per_s": 0, "replies_per_s": 0}, sample(at, 5)) for at in (11, 12))]
    found = summary(LOAD, sample(0, 0), told, FINAL)
    assert (found["sends_per_s"], found["replies_per_s"]) == (40, 20)
    assert found["sends_per_cpu_s"] == pytest.approx(80)


def test_times_are_those_of_what_was_sent_once_all_users_were_there():
    found = summary(LOAD, sample(0, 0), seconds(10), FINAL)
    assert (found["accept_ms"], found["steady_from_s"]) == ({"p99": 9.0}, 2.1)


@pytest.mark.parametrize("steady_from_s", [None, 9.2])
def test_a_run_that_is_not_steady_for_two_seconds_is_told_as_a_whole(steady_from_s: float | None):
    found = summary(LOAD, sample(0, 0), seconds(10), replace(FINAL, steady_from_s=steady_from_s))
    assert (found["accept_ms"], found["steady_from_s"]) == ({"p99": 900.0}, None)
    assert 0 < found["sends_per_s"] < 40


def test_cpu_is_that_of_the_whole_run_and_of_the_servers_alone():
    found = summary(LOAD, sample(0, 0), seconds(10), FINAL)
    assert found["cpu_s"] == {"api 1": 5.0}
    assert found["client_cpu_s"] == 90
    assert found["memory_mib"] == {"api 1": 110}


def test_a_part_that_has_ended_counts_with_what_was_seen_of_it():
    told = seconds(10)
    told[4] = Second(told[4].moment, sample(5, 2.5, worker=7.0))
    assert summary(LOAD, sample(0, 0, worker=1.0), told, FINAL)["cpu_s"]["worker"] == 6.0


def test_what_others_use_of_the_machine_is_told_apart():
    begun = Sample(at=0, cpu_s={"api 1": 1}, memory_mib={}, machine_cpu_s=100)
    ended = Sample(at=10, cpu_s={"api 1": 6, "client": 3}, memory_mib={}, machine_cpu_s=112)
    told = [Second({"t_s": 10, "users": 20, "sends_per_s": 1, "replies_per_s": 1}, ended)]
    assert summary(LOAD, begun, told, FINAL)["others_cores"] == pytest.approx(0.4)


def test_a_run_of_which_nothing_was_seen_has_figures_too():
    found = summary(LOAD, sample(0, 0), [], FINAL)
    assert (found["sends_per_s"], found["sends_per_cpu_s"], found["memory_mib"]) == (0, 0, {})


def test_between_two_samples_a_part_keeps_so_many_cores_busy():
    assert sample(4, 3).cores_since(sample(2, 2))["api 1"] == 0.5
