"""Samples taken at once are of the same seconds, and what one of them meets with is all of theirs."""

from __future__ import annotations

import threading

import pytest

from loadtest.benchmarks.at_once import all_at_once, meet
from loadtest.benchmarks.benchmark import Sample


def test_none_begins_before_all_are_there_and_none_leaves_before_all_have_ended() -> None:
    said: list[str] = []
    late = threading.Event()

    def quick() -> Sample:
        meet()
        said.append("begun")
        late.set()
        meet()
        said.append("left")
        return Sample({"sends": 1})

    def slow() -> Sample:
        said.append("warm")
        meet()
        late.wait(10)
        said.append("ended")
        meet()
        return Sample({"sends": 2})

    assert [sample.figures for sample in all_at_once([quick, slow])] == [{"sends": 1}, {"sends": 2}]
    assert said == ["warm", "begun", "ended", "left"]


def test_one_that_fails_keeps_nobody_waiting_and_says_why() -> None:
    def broken() -> Sample:
        raise ConnectionError("no server")

    def waiting() -> Sample:
        meet()
        return Sample({})

    for measures in ([broken, waiting], [waiting, broken]):
        with pytest.raises(ConnectionError, match="no server"):
            all_at_once(measures)


def test_the_servers_of_one_are_no_clients_of_the_other() -> None:
    def measured(server_s: float, other_server_s: float) -> Sample:
        return Sample({}, {"api": server_s}, client_cpu_s=3 + other_server_s)

    samples = all_at_once([lambda: measured(1, 2), lambda: measured(2, 1)])
    assert [sample.client_cpu_s for sample in samples] == [3, 3]


def test_one_alone_waits_for_nobody() -> None:
    def alone() -> Sample:
        meet()
        return Sample({"sends": 1})

    assert all_at_once([alone])[0].figures == {"sends": 1}
