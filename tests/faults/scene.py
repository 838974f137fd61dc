"""Scene: what a fault is given to do its harm in, and where it notes what happened when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.faults.crowd import Crowd
from tests.faults.installation import Installation
from tests.faults.progress import say
from tests.faults.user import User

BLOCKING_STEP_S = 60.0


@dataclass
class Scene:
    """`broken` and `mended` are `time.monotonic()`: when the fault began, and from when on recovery counts.

    `problems` are claims of the fault's own that did not hold; `figures` are numbers of its own, for the report.
    """

    name: str
    installation: Installation
    crowd: Crowd
    random: Random
    messages: int
    broken: float = 0.0
    mended: float = 0.0
    problems: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def say(self, line: str) -> None:
        say(f"{self.name}: {line}")

    def breaks(self, what: str) -> None:
        """The harm is done now; recovery counts from here unless something has to come back first."""
        self.broken = self.broken or time.monotonic()
        self.mended = time.monotonic()
        self.say(what)

    def is_back(self, what: str) -> None:
        """What was broken runs again: recovery counts from here."""
        self.mended = time.monotonic()
        self.say(what)

    def check(self, holds: object, problem: str) -> None:
        """Note a claim that does not hold."""
        if not holds:
            self.problems.append(problem)
            self.say(f"PROBLEM: {problem}")

    @asynccontextmanager
    async def guest(self, name: str, urls: list[str] | None = None) -> AsyncIterator[User]:
        """One more user, connected for a while, whose messages count as all others' do."""
        user = User(urls or self.installation.urls, name, self.installation.token(name))
        self.crowd.users = [*self.crowd.users, user]
        async with user.connected():
            yield user

    async def eventually(self, met: Callable[[], Any], within_s: float, problem: str) -> bool:
        """Wait for something that another process does; a problem if it does not come in time. `met` may block."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if await asyncio.to_thread(met):
                return True
            await asyncio.sleep(0.1)
        self.check(False, f"{problem} (within {within_s:g} s)")
        return False


async def blocking(step: Callable[[], Any]) -> Any:
    """A server's blocking step, in a thread."""
    async with asyncio.timeout(BLOCKING_STEP_S):
        return await asyncio.to_thread(step)


Harm = Callable[[Scene], Awaitable[None]]
