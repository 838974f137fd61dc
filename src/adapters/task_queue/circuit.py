"""A circuit: keeps work away from a broker that has just failed.

It is one time stamp. The stack's circuit-breaker library guards calls where they are made; here the answer is needed before any call, so
that a hint is dropped without waking the task that would publish it.
"""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)


class Circuit:
    """Closed until something fails, then open for `open_s` seconds; what is tried after that closes or reopens it.

    Only changes are logged.
    """

    def __init__(self, name: str, *, open_s: float) -> None:
        self._name = name
        self._open_s = open_s
        self._broken = False
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    def worked(self) -> None:
        if self._broken:
            self._broken = False
            self._open_until = 0.0
            logger.info("The %s works again", self._name)

    def failed(self, error: Exception) -> None:
        self._open_until = time.monotonic() + self._open_s
        if not self._broken:
            self._broken = True
            logger.warning("The %s fails; hints are dropped until it works again", self._name, extra={"error": str(error)})
