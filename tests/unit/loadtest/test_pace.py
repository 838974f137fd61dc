"""The pace of a core counts what a piece of work is charged, not how long it waits for a core."""

from __future__ import annotations

import threading

from loadtest.benchmarks.pace import ROUNDS, Pace


def test_a_pace_is_taken_even_of_a_moment() -> None:
    with Pace() as pace:
        pass
    assert pace.rounds_per_us > 0


def test_a_pace_is_that_of_one_core_also_while_others_want_it() -> None:
    over = threading.Event()

    def want_the_lock() -> None:
        while not over.is_set():
            sum(range(ROUNDS))

    rival = threading.Thread(target=want_the_lock)
    with Pace() as pace:
        rival.start()
        over.wait(0.6)
        over.set()
    rival.join()
    assert 1 < pace.rounds_per_us < 10_000
    assert not any(thread.name == "pace" for thread in threading.enumerate())
