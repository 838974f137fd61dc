"""Transactions: one step in, one commit out, or `StoreUnavailableError`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.connection import POSTGRESQL, Connection, connection_over
from adapters.sql.engine import Engines
from adapters.sql.failures import is_clash, is_cut, translated
from adapters.sql.kept_connections import KeptConnections
from imcore.errors import StoreUnavailableError

T = TypeVar("T")
Read = Callable[[AsyncConnection], Awaitable[T]]
Work = Callable[[Connection], Awaitable[T]]

STEP_TIMEOUT_S = 5.0
MAX_TRIES = 5

KEPT_CONNECTIONS = 2
"""For reads, and as many for writes: a fraction of PostgreSQL's pool. The pools of the other databases are left as they are."""

_log = logging.getLogger(__name__)


class Database:
    """Runs work on a connection. Work may run several times, so it must not change anything but the database."""

    def __init__(self, engines: Engines, *, step_timeout_s: float = STEP_TIMEOUT_S) -> None:
        self.engines = engines
        self._step_timeout_s = step_timeout_s
        self._connections = KeptConnections(most=KEPT_CONNECTIONS if self.dialect == POSTGRESQL else 0)
        self._left: set[asyncio.Task[Any]] = set()

    @property
    def dialect(self) -> str:
        """The database's name, as in `postgresql`."""
        return self.engines.write.dialect.name

    async def read(self, work: Read[T], *, timeout_s: float | None = None) -> T:
        """Run `work`, which only reads."""
        return await self._within(timeout_s or self._step_timeout_s, self._tried(lambda: self._read_once(work)))

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction and return its answer after the commit."""
        return await self._within(self._step_timeout_s, self._tried(lambda: self._write_once(work)))

    async def write_at_once(self, work: Work[T]) -> T:
        """Run `work`, one statement that commits by itself. Cut off on the way it is run once more, so it must bear to have been kept."""
        return await self._within(self._step_timeout_s, self._tried(lambda: self._at_once(work)))

    async def close(self) -> None:
        """Close all connections, also those of steps that nobody waits for any more."""
        await asyncio.gather(*self._left, return_exceptions=True)
        await self._connections.give_back()
        await self.engines.dispose()

    def connection_counts(self) -> dict[str, int]:
        """Open connections by state, `in_use` and `idle`."""
        counts, kept = self.engines.connection_counts(), len(self._connections)
        return {"in_use": counts["in_use"] - kept, "idle": counts["idle"] + kept}

    async def _read_once(self, work: Read[T]) -> T:
        return await self._connections.lend(self.engines.read, work)

    async def _at_once(self, work: Work[T]) -> T:
        async def step(connection: AsyncConnection) -> T:
            return await work(await connection_over(connection))

        return await self._connections.lend(self.engines.read, step)

    async def _write_once(self, work: Work[T]) -> T:
        return await self._connections.lend(self.engines.write, lambda connection: _committed(connection, work))

    async def _tried(self, once: Callable[[], Awaitable[T]]) -> T:
        """`once`, again after clashes and, one time, on a fresh connection."""
        with translated():
            for failures in range(1, MAX_TRIES + 1):
                try:
                    return await once()
                except DBAPIError as error:
                    again = failures < MAX_TRIES if is_clash(error) else is_cut(error) and failures == 1
                    if not again:
                        raise
                    _log.debug("transaction tried again", extra={"failures": failures, "error": type(error.orig).__name__})
        raise AssertionError("unreachable: the last failure is raised")

    async def _within(self, timeout_s: float, step: Coroutine[Any, Any, T]) -> T:
        """The step's answer. A database that hangs may hold up even the cancelling, so nobody waits for that.

        A caller that is cancelled leaves the step alone: half sent, its connection would be lost. It has `step_timeout_s` to end.
        """
        task = asyncio.create_task(step)
        try:
            await asyncio.wait({task}, timeout=timeout_s)
        except asyncio.CancelledError:
            self._leave(task)
            asyncio.get_running_loop().call_later(self._step_timeout_s, task.cancel)
            raise
        if task.done():
            return task.result()
        self._leave(task)
        task.cancel()
        raise StoreUnavailableError(f"The database did not answer within {timeout_s:g} s.")

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._left.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.info("a step that nobody waited for failed", extra={"error": type(error).__name__})


async def _committed(lent: AsyncConnection, work: Work[T]) -> T:
    connection = await connection_over(lent)
    try:
        answer = await work(connection)
    except BaseException:
        with suppress(DBAPIError):  # of a connection that is cut; what went wrong before is what counts
            await connection.rollback()
        raise
    try:
        await connection.commit()
    except DBAPIError as error:
        if is_cut(error):  # perhaps it is committed: not to be tried again in silence
            raise StoreUnavailableError("The database was cut off while it committed.") from error
        raise
    return answer
