"""What every kind of load can do."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice

from loadtest.benchmarks.clients.tally import Tally, now

AT_ONCE = 50
LOOK_S = 0.05


class Load(ABC):
    """Sends once `start` was called and until `stop` is; counts in `tally`."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.is_stopped = False

    @abstractmethod
    async def connect(self) -> None:
        """Open all connections."""

    @abstractmethod
    def start(self) -> None:
        """Begin to send."""

    def stop(self) -> None:
        """Send nothing new."""
        self.is_stopped = True

    async def drained(self) -> None:  # noqa: B027  # most loads have nothing to wait for
        """Wait a while for answers that are still to come; those that do not come are failures."""

    @abstractmethod
    def close(self) -> None:
        """Leave."""


async def gently(connecting: Iterable[Awaitable[None]]) -> None:
    """A few at a time: a listener's backlog is finite."""
    waiting = iter(connecting)
    while several := list(islice(waiting, AT_ONCE)):
        await asyncio.gather(*several)


def spread(count: int, over_s: float) -> Iterator[tuple[int, float]]:
    """Each user's number and when to begin, so that they do not stay in step."""
    return ((number, over_s * number / count) for number in range(count))


async def wait_until(met: Callable[[], bool], patience_s: float) -> None:
    """Or until patience ends."""
    deadline = now() + patience_s
    while not met() and now() < deadline:  # noqa: ASYNC110  # an event would cost something with every answer, and this nothing
        await asyncio.sleep(LOOK_S)
