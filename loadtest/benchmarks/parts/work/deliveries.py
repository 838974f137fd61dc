"""Deltas on their way from the notifier to the connections of one API process."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine, Iterable
from typing import Any

import orjson

from adapters.websocket.hub import Hub
from adapters.websocket.outbox import Outbox
from imcore.events import ReplyDelta, ReplyStarted
from imcore.ids import new_id
from imcore.live_replies import LiveReplies
from loadtest.benchmarks.clients.tally import Tally
from loadtest.benchmarks.parts.work.tasks_load import TasksLoad

TOKEN = "token "  # noqa: S105  (of a text)
TOKENS = 40
"""Deltas of a reply, after which each user's next reply begins."""


class Deltas(TasksLoad):
    """One reply for each of `users`, a delta for each of them in turn; nothing is waited for. Counts `events`."""

    def __init__(self, tally: Tally, *, users: int) -> None:
        super().__init__(tally)
        self._users = [f"user{number}" for number in range(users)]

    async def connect(self) -> None:
        """There is nothing to connect to."""

    async def closed(self) -> None:
        """Nor to close."""

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        yield self._run()

    async def _run(self) -> None:
        while not self.is_stopped:
            replies = [(user_id, new_id()) for user_id in self._users]
            self.begin(replies)
            for token in range(TOKENS):
                await self.tell([(user_id, ReplyDelta(record_id, 1, token * len(TOKEN), TOKEN)) for user_id, record_id in replies])
                for _ in replies:
                    self.tally.count("events")
                await asyncio.sleep(0)  # a command may have come

    def begin(self, replies: list[tuple[str, str]]) -> None:
        """A reply begins for each user; (user id, record id)."""

    @abstractmethod
    async def tell(self, deltas: list[tuple[str, ReplyDelta]]) -> None:
        """What is measured: one delta for each user; (user id, delta)."""


class HubDeliveries(Deltas):
    """Through the hub into the outboxes of `connections` for each user, and out of them."""

    def __init__(self, tally: Tally, *, users: int, connections: int) -> None:
        super().__init__(tally, users=users)
        self._live = LiveReplies(lambda request: tally.fail(f"{request}: something did not fit"))
        self._hub = Hub(self._live)
        self._outboxes = {user_id: [self._outbox(user_id) for _ in range(connections)] for user_id in self._users}

    def begin(self, replies: list[tuple[str, str]]) -> None:
        for _, record_id in self._live.running():
            self._live.forget(record_id)
        for user_id, record_id in replies:
            self._live.hear(user_id, ReplyStarted(record_id, 1, user_id, new_id(), new_id()))

    async def tell(self, deltas: list[tuple[str, ReplyDelta]]) -> None:
        for user_id, delta in deltas:
            self._hub.deliver(user_id, delta)
        for user_id, delta in deltas:
            for outbox in self._outboxes[user_id]:
                frame = await outbox.take()
                if frame is None or frame.delta is not delta:
                    self.tally.fail(f"{frame} was to be {delta}")

    def _outbox(self, user_id: str) -> Outbox:
        outbox = self._hub.open_socket(user_id)
        assert outbox is not None  # noqa: S101  # few enough were asked for
        return outbox


class PlainDumps(Deltas):
    """The least that an event can cost: its JSON, once."""

    async def tell(self, deltas: list[tuple[str, ReplyDelta]]) -> None:
        for _, delta in deltas:
            orjson.dumps(
                {
                    "type": delta.type,
                    "record_id": delta.record_id,
                    "attempt": delta.attempt,
                    "offset": delta.offset,
                    "text": delta.text,
                }
            )
