"""Sends into a SQLite file, as an embedded service stores them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, cast

from adapters.sql.engine import open_engines
from adapters.sql.group_commit import GroupCommit
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from loadtest.benchmarks.clients.tally import Tally, now
from loadtest.benchmarks.parts.work.conversation import a_send
from loadtest.benchmarks.parts.work.tasks_load import TasksLoad


class SqliteSends(TasksLoad):
    """`callers` closed loops of `MessageStore.add`, each in a session of its own. Without `is_grouped` a commit holds one message."""

    def __init__(self, tally: Tally, *, path: str, callers: int, is_grouped: bool) -> None:
        super().__init__(tally)
        self._url = f"sqlite:///{path}"
        self._count = callers
        self._store = SqlAlchemyMessageStore(open_engines(self._url, application_name="imcore-benchmark"))
        if not is_grouped:
            sends = cast("GroupCommit[Any, Any]", self._store._sends)  # noqa: SLF001  (no setting: nobody but a benchmark wants it)
            sends._max_items = 1  # noqa: SLF001  (as above)

    async def connect(self) -> None:
        await asyncio.to_thread(migrate, self._url)
        await self._store.ping()

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        return (self._call(f"user{number}") for number in range(self._count))

    async def closed(self) -> None:
        await self._store.close()

    async def _call(self, user_id: str) -> None:
        while not self.is_stopped:
            begun = now()
            stored = await self._store.add(*a_send(user_id))
            if stored.duplicate or not stored.message.seq:
                self.tally.fail(f"{stored}")
            self.tally.count("sends")
            self.tally.time("send", now() - begun)
