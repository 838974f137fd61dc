from __future__ import annotations

import pytest

from adapters.task_queue import circuit
from adapters.task_queue.circuit import Circuit


class Clock:
    """Stands still until it is told."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(circuit, "time", clock)
    return clock


def test_a_circuit_is_closed_until_something_fails(clock: Clock) -> None:  # noqa: ARG001  (it must not tick)
    assert not Circuit("queue", open_s=3.0).is_open


def test_after_a_failure_it_is_open_for_its_time_and_then_lets_something_try(clock: Clock) -> None:
    tried = Circuit("queue", open_s=3.0)
    tried.failed(OSError("away"))
    clock.now_s += 2.9
    assert tried.is_open
    clock.now_s += 0.1
    assert not tried.is_open


def test_a_trial_that_fails_opens_it_again_and_one_that_works_closes_it(clock: Clock) -> None:
    tried = Circuit("queue", open_s=3.0)
    tried.failed(OSError("away"))
    clock.now_s += 3
    tried.failed(OSError("still away"))
    assert tried.is_open
    tried.worked()
    assert not tried.is_open


def test_only_changes_are_logged(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:  # noqa: ARG001  (it must not tick)
    caplog.set_level("INFO")
    tried = Circuit("queue", open_s=3.0)
    for _ in range(3):
        tried.failed(OSError("away"))
    for _ in range(3):
        tried.worked()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
