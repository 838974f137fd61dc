"""CeleryReplyQueue: hints leave with the next turn of the event loop, all that were given in this one together."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Collection
from itertools import islice

from adapters.task_queue.circuit import Circuit
from adapters.task_queue.hint_broker import HintBroker
from imcore.errors import QueueUnavailableError
from imcore.ports import ReplyQueue

logger = logging.getLogger(__name__)

SESSIONS_A_HINT = 200


class CeleryReplyQueue(ReplyQueue):
    """Gathers session ids; one task of the loop publishes what has gathered while the previous hint was on its way.

    A hint costs both processes the same whatever it carries. So one leaves with all that the same turn of the loop enqueues, which is what
    was committed together, and with what comes while the one before is on its way. After a failure hints are dropped for `open_s` seconds,
    then one is tried. At most `max_pending` sessions are kept in memory. `published` and `dropped` count session ids. `origin` gives the
    name of this process as it is to travel with the hints.
    """

    def __init__(
        self,
        broker: HintBroker,
        *,
        origin: Callable[[], str] = str,
        open_s: float = 3.0,
        max_pending: int = 10_000,
        answer_s: float = 1.0,
        close_s: float = 3.0,
    ) -> None:
        self.published = 0
        self.dropped = 0
        self._broker = broker
        self._origin = origin
        self._circuit = Circuit("queue of hints", open_s=open_s)
        self._max_pending = max_pending
        self._answer_s = answer_s
        self._close_s = close_s
        self._pending: dict[str, None] = {}
        self._publisher: asyncio.Task[None] | None = None
        self._closed = False

    def enqueue(self, session_ids: Collection[str]) -> None:
        loop = asyncio.get_running_loop()  # elsewhere it is refused, before anything changes
        if self._closed or self._circuit.is_open:
            self.dropped += len(session_ids)
            return
        self._keep(session_ids)
        if self._pending and (self._publisher is None or self._publisher.done()):
            empty = contextvars.Context()  # it is not part of the request that happened to start it
            self._publisher = loop.create_task(self._publish_all(), name="publish hints", context=empty)

    async def length(self) -> int | None:
        try:
            return await self._ask_length()
        except QueueUnavailableError:
            return None

    async def ping(self) -> None:
        await self._ask_length()

    async def close(self) -> None:
        """Publish what is pending if the broker takes it within `close_s` seconds, and disconnect."""
        if self._closed:
            return
        self._closed = True
        if self._publisher is not None:
            _, late = await asyncio.wait([self._publisher], timeout=self._close_s)
            if late:
                logger.warning("The broker does not answer; the last hints may be lost", extra={"sessions": len(self._pending)})
                self._publisher.cancel()
                await asyncio.wait(late)
        await self._broker.close()

    def _keep(self, session_ids: Collection[str]) -> None:
        for session_id in session_ids:
            if len(self._pending) < self._max_pending or session_id in self._pending:
                self._pending[session_id] = None
            else:
                self.dropped += 1

    async def _ask_length(self) -> int:
        if self._closed:
            raise QueueUnavailableError("The queue of hints is closed.")
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._broker.length()
        except TimeoutError:
            raise QueueUnavailableError(f"The broker does not answer within {self._answer_s} s.") from None

    async def _publish_all(self) -> None:
        """One hint after the other, until nothing is pending."""
        while session_ids := self._take():
            await self._publish(session_ids)

    def _take(self) -> list[str]:
        session_ids = list(islice(self._pending, SESSIONS_A_HINT))
        for session_id in session_ids:
            del self._pending[session_id]
        return session_ids

    async def _publish(self, session_ids: list[str]) -> None:
        if self._circuit.is_open:
            self.dropped += len(session_ids)
            return
        try:
            await self._broker.publish(session_ids, self._origin())
        except QueueUnavailableError as error:
            self._circuit.failed(error)
            self.dropped += len(session_ids)
        except Exception as error:
            logger.exception("A hint could not be published", extra={"sessions": len(session_ids)})
            self._circuit.failed(error)
            self.dropped += len(session_ids)
        else:
            self._circuit.worked()
            self.published += len(session_ids)
