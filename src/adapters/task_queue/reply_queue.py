"""CeleryReplyQueue: hints leave the event loop with its next turn and reach the broker from one thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from celery import Celery  # type: ignore[import-untyped]  # it ships no types

from adapters.task_queue.circuit import Circuit
from adapters.task_queue.hint_broker import HintBroker
from imcore.errors import QueueUnavailableError
from imcore.ports import ReplyQueue

logger = logging.getLogger(__name__)

SESSIONS_A_HINT = 200


class CeleryReplyQueue(ReplyQueue):
    """Gathers session ids; one thread publishes what has gathered while the previous publish ran.

    A hint costs both processes the same whatever it carries. So one leaves with all that the same turn of the loop enqueues, which is what
    was committed together, and with what comes while the one before is on its way. After a failure hints are dropped for `open_s` seconds,
    then one is tried. At most `max_pending` sessions are kept in memory. `published` and `dropped` count session ids. `origin` gives the
    name of this process as it is to travel with the hints.
    """

    def __init__(
        self,
        app: Celery,
        *,
        origin: Callable[[], str] = str,
        open_s: float = 3.0,
        max_pending: int = 10_000,
        answer_s: float = 1.0,
        close_s: float = 3.0,
    ) -> None:
        self.published = 0
        self.dropped = 0
        self._broker = HintBroker(app)
        self._origin = origin
        self._circuit = Circuit("queue of hints", open_s=open_s)
        self._max_pending = max_pending
        self._answer_s = answer_s
        self._close_s = close_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imcore-hints")
        self._lock = threading.Lock()  # never held during I/O
        self._pending: dict[str, None] = {}
        self._flush_is_due = False
        self._closed = False

    def enqueue(self, session_ids: Collection[str]) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._closed or self._circuit.is_open:
                self.dropped += len(session_ids)
                return
            self._keep(session_ids)
            if self._flush_is_due or not self._pending:
                return
            self._flush_is_due = True
        loop.call_soon(self._begin_flush)

    async def length(self) -> int | None:
        try:
            return await self._ask_length()
        except QueueUnavailableError:
            return None

    async def ping(self) -> None:
        await self._ask_length()

    async def close(self) -> None:
        """Publish what is pending if the broker takes it, and end the thread; takes `close_s` seconds at most."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            finished = self._thread.submit(self._finish)
        self._thread.shutdown(wait=False)
        try:
            await asyncio.wait_for(asyncio.wrap_future(finished), self._close_s)
        except TimeoutError:
            logger.warning("The broker does not answer; the last hints may be lost", extra={"sessions": len(self._pending)})
        else:
            self._thread.shutdown()  # it has nothing left to do

    def _begin_flush(self) -> None:
        with self._lock:
            if not self._closed:  # else `_finish` publishes them
                self._thread.submit(self._flush)

    def _keep(self, session_ids: Collection[str]) -> None:
        for session_id in session_ids:
            if len(self._pending) < self._max_pending or session_id in self._pending:
                self._pending[session_id] = None
            else:
                self.dropped += 1

    async def _ask_length(self) -> int:
        with self._lock:
            if self._closed:
                raise QueueUnavailableError("The queue of hints is closed.")
            answer = self._thread.submit(self._broker.length)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(answer), self._answer_s)
        except TimeoutError:
            raise QueueUnavailableError(f"The broker does not answer within {self._answer_s} s.") from None

    # In the thread

    def _flush(self) -> None:
        """Publish one hint; a further one is queued behind whatever else waits for the thread."""
        if session_ids := self._take():
            self._publish(session_ids)
        with self._lock:
            if self._pending and not self._closed:
                self._thread.submit(self._flush)
            else:
                self._flush_is_due = False

    def _finish(self) -> None:
        while session_ids := self._take():
            self._publish(session_ids)
        self._broker.close()

    def _take(self) -> list[str]:
        with self._lock:
            session_ids = list(islice(self._pending, SESSIONS_A_HINT))
            for session_id in session_ids:
                del self._pending[session_id]
            return session_ids

    def _publish(self, session_ids: list[str]) -> None:
        if self._circuit.is_open:
            self._drop(session_ids)
            return
        try:
            self._broker.publish(session_ids, self._origin())
        except QueueUnavailableError as error:
            self._circuit.failed(error)
            self._drop(session_ids)
        except Exception as error:
            logger.exception("A hint could not be published", extra={"sessions": len(session_ids)})
            self._circuit.failed(error)
            self._drop(session_ids)
        else:
            self.published += len(session_ids)
            self._circuit.worked()

    def _drop(self, session_ids: list[str]) -> None:
        """Drop these and what has gathered meanwhile."""
        with self._lock:
            self.dropped += len(session_ids) + len(self._pending)
            self._pending.clear()
