"""How many frames a second a client may send: a bucket of tokens."""

from __future__ import annotations

import time
from collections.abc import Callable

FRAMES_A_SECOND = 100
BURST_FRAMES = 250


class FrameRate:
    """Bursts are fine, 100 frames a second for long are the most."""

    __slots__ = ("_filled_at", "_monotonic", "_tokens")

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._tokens = float(BURST_FRAMES)
        self._filled_at = monotonic()

    def allows_one_more(self) -> bool:
        now = self._monotonic()
        self._tokens = min(BURST_FRAMES, self._tokens + (now - self._filled_at) * FRAMES_A_SECOND)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
