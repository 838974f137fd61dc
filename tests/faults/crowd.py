"""The load: many users, who pipeline their messages, wait for each reply, or speak now and then until they are told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

from tests.faults.user import User

ENDS_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Load:
    """`messages` in all. Without `pause_s` three users in four send theirs at once, so that replies queue up in their sessions, and the
    fourth waits for each reply. With it every user speaks about once in `pause_s` seconds, until `stop`, at most `most` times.

    Every `marked_every`th message has `marker` in it, which makes the model fail.
    """

    messages: int = 200
    users: int = 40
    pause_s: float = 0.0
    most: int = 300
    marker: str = ""
    marked_every: int = 0

    @property
    def each(self) -> int:
        return -(-self.messages // self.crowd)

    @property
    def crowd(self) -> int:
        return min(self.users, self.messages)

    def text(self, user: User, number: int) -> str:
        """What this user says as their `number`th message: no two are the same."""
        is_marked = self.marked_every and number % self.marked_every == self.marked_every - 1
        return f"{user.user_id} says {number}" + (f" {self.marker}" if is_marked else "")


class Crowd:
    """Connected users; `stop` ends their talking."""

    def __init__(self, users: Sequence[User], random: Random) -> None:
        self.users = users
        self.stop = asyncio.Event()
        self.unaccepted = 0
        self._random = random

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Crowd]:
        async with AsyncExitStack() as stack:
            await asyncio.gather(*(stack.enter_async_context(user.connected()) for user in self.users))
            yield self

    async def talk(self, load: Load) -> None:
        """All users say what they have to say; returns once the last message is accepted, or has not been for too long."""
        await asyncio.gather(*(self._talk(user, number, load) for number, user in enumerate(self.users)))

    async def answered(self) -> None:
        """Return once no user waits for a reply, after `ENDS_WITHIN_S` at most."""
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                for user in self.users:
                    await user.until(lambda user=user: not user.waits, ENDS_WITHIN_S)
        except TimeoutError:
            return  # whatever is still open will be counted as lost

    def count(self, of: Callable[[User], int]) -> int:
        return sum(of(user) for user in self.users)

    async def _talk(self, user: User, number: int, load: Load) -> None:
        if load.pause_s:
            await self._now_and_then(user, load)
        elif number % 4 == 3:
            for message in range(load.each):
                record_id = await self._tell(user, load.text(user, message))
                if not await self._ends(user, record_id):
                    return  # it will be counted as lost
        else:
            await asyncio.sleep(self._random.uniform(0, 1))
            await asyncio.gather(*(self._tell(user, load.text(user, message)) for message in range(load.each)))

    async def _now_and_then(self, user: User, load: Load) -> None:
        for message in range(load.most):
            if message >= load.each and self.stop.is_set():
                return
            await asyncio.sleep(self._random.uniform(0, 2 * load.pause_s))
            await self._tell(user, load.text(user, message))

    async def _tell(self, user: User, text: str) -> str | None:
        try:
            return await user.tell(text)
        except TimeoutError:
            self.unaccepted += 1
            return None

    async def _ends(self, user: User, record_id: str | None) -> bool:
        """Whether it does in time."""
        if record_id is None:
            return True
        try:
            await user.ended(record_id)
        except TimeoutError:
            return False
        return True
