"""How fast a core is just now.

No counter in a guest tells when its host gives clock and caches to others, nor that a core which has been idle is slow at first. The same
piece of work, timed again and again by the CPU time that it is charged, does.
"""

from __future__ import annotations

import statistics
import threading
import time
from types import TracebackType
from typing import Self

ROUNDS = 50_000
"""Of an empty loop: half a millisecond on a core that is awake."""

EVERY_S = 0.25


class Pace:
    """While it is open a thread times that piece of Python."""

    def __init__(self) -> None:
        self._costs_us: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pace", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    @property
    def rounds_per_us(self) -> float:
        """Rounds of the loop in a microsecond of CPU time, the median."""
        return ROUNDS / statistics.median(self._costs_us)

    def _watch(self) -> None:
        while True:
            begun_ns = time.thread_time_ns()
            for _ in range(ROUNDS):
                pass
            self._costs_us.append((time.thread_time_ns() - begun_ns) / 1000)
            if self._over.wait(EVERY_S):
                return
