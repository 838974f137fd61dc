"""Users in conversation: each sends, waits for the whole reply on its WebSocket, sends the next."""

from __future__ import annotations

import asyncio

from loadtest.benchmarks.clients.baseline_user import BaselineUser
from loadtest.benchmarks.clients.conversation import ConversationUser
from loadtest.benchmarks.clients.imcore_user import ImcoreUser
from loadtest.benchmarks.clients.load import Load, gently, spread, wait_until
from loadtest.benchmarks.clients.loud_user import LoudUser
from loadtest.benchmarks.clients.tally import Tally, now

USERS: dict[str, type[ConversationUser]] = {"imcore": ImcoreUser, "baseline": BaselineUser}
BEGIN_WITHIN_S = 1.0


class Conversations(Load):
    """`service` is imcore or baseline. `expected` is the text of every reply; without it a reply only has to be what was streamed.

    Of imcore alone: a `loud` user besides, not counted, sends into many sessions at once, and reads nothing if it is `deaf`.
    Replies under way at the end are awaited for `drain_s` seconds.
    """

    def __init__(
        self,
        tally: Tally,
        *,
        port: int,
        users: int,
        service: str,
        expected: str | None = None,
        loud: bool = False,
        deaf: bool = False,
        drain_s: float = 60.0,
    ) -> None:
        super().__init__(tally)
        self._drain_s = drain_s
        self._users = [USERS[service](f"user{number}", port, tally, expected) for number in range(users)]
        self._loud = LoudUser("loud", port, tally, is_deaf=deaf) if loud else None

    async def connect(self) -> None:
        await gently(user.connect() for user in self._users)
        if self._loud:
            await self._loud.connect()

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        for number, begin_s in spread(len(self._users), BEGIN_WITHIN_S):
            loop.call_later(begin_s, self._users[number].say)
        if self._loud:
            self._loud.start()

    def stop(self) -> None:
        super().stop()
        for user in self._users:
            user.is_leaving = True
        if self._loud:
            self._loud.close()

    async def drained(self) -> None:
        await wait_until(lambda: not any(user.is_waiting for user in self._users), self._drain_s)
        for user in self._users:
            if user.is_waiting:
                self.tally.fail(f"no reply to {user.user_id} within {now() - user.sent_at:.0f} s")

    def close(self) -> None:
        for user in self._users:
            user.close()
