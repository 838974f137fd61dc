"""CeleryHintConsumer: a Celery worker inside this process, beside its event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import TypeGuard

from celery import Celery  # type: ignore[import-untyped]  # it ships no types
from celery.worker import WorkController  # type: ignore[import-untyped]  # it ships no types

from adapters.task_queue.celery_app import HINT_TASK
from adapters.task_queue.hint_strategy import run_at_once
from adapters.task_queue.worker_link import LinkedConsumer, WorkerLink
from imcore.errors import QueueUnavailableError
from imcore.ports import ReplyQueue

logger = logging.getLogger(__name__)

_RESTART_S = 0.2

MAX_NAME_CHARS = 64
"""Of a process: it becomes part of a channel's name."""

Offer = Callable[[Collection[str], str], Awaitable[None]]
"""Takes the ids of sessions that have open records and the name of the process where they were written to, empty if that does not matter,
and waits while all writers are busy."""


class CeleryHintConsumer:
    """Takes hints from the broker, one at a time, and hands each to `offer` on the event loop; while `offer` waits the rest stays in Redis.

    The worker runs in one thread of its own (Celery's `solo` pool): it installs no signal handler, touches no logging and never forks. It
    reconnects by itself, within about a second of the broker's return. A worker that ends on its own, or that takes nothing for `stall_s`
    seconds although `queue` is not empty, is replaced. One consumer a process: Celery's event loop is a global of the process.
    """

    def __init__(self, app: Celery, queue: ReplyQueue, offer: Offer, *, stall_s: float = 30.0, stop_s: float = 10.0) -> None:
        self._app = app
        self._queue = queue
        self._offer = offer
        self._stall_s = stall_s
        self._stop_s = stop_s
        self._link = WorkerLink()
        self._thread = threading.Thread(target=self._work, name="imcore-celery", daemon=True)
        self._watching: asyncio.Task[None] | None = None
        self._handing_over: Future[None] | None = None
        self._interrupted: list[str] = []
        self._progress_at = 0.0

    async def start(self) -> None:
        """Begin to take hints, as soon as the broker can be reached."""
        loop = asyncio.get_running_loop()

        def hint(session_ids: object = None, origin: object = "", *_: object, **__: object) -> None:
            self._take_hint(session_ids, origin, loop)

        self._app.task(name=HINT_TASK, shared=False, Strategy=staticmethod(run_at_once))(hint)
        self._progress_at = time.monotonic()
        self._thread.start()
        self._watching = asyncio.create_task(self._watch(), name="imcore-hint-watch")

    async def stop(self) -> None:
        """Take no further hint; one that waits for a writer goes back to the queue. `stop_s` seconds at most."""
        if self._watching is not None:
            self._watching.cancel()
        self._link.stop()
        if (handing_over := self._handing_over) is not None:
            handing_over.cancel()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, self._stop_s)
        if self._thread.is_alive():
            logger.error("The Celery worker did not stop in time", extra={"stop_s": self._stop_s})
        self._queue.enqueue(self._interrupted)

    def check(self) -> None:
        """Return if hints are being taken, or are waiting for a writer.

        Raises:
            QueueUnavailableError: the worker is not connected or has ended.
        """
        if not self._thread.is_alive() or not self._link.is_connected:
            raise QueueUnavailableError("The Celery worker is not connected to the broker.")

    async def _watch(self) -> None:
        """Health is progress: a worker that looks connected and takes nothing of what waits is replaced."""
        while True:
            await asyncio.sleep(self._stall_s / 3)
            if self._is_idle_for_long() and await self._queue.length() and self._is_idle_for_long():
                logger.error("The Celery worker takes no hints although some wait; replacing it", extra={"stall_s": self._stall_s})
                self._progress_at = time.monotonic()
                self._link.shut_down_worker()

    def _is_idle_for_long(self) -> bool:
        return self._handing_over is None and time.monotonic() - self._progress_at > self._stall_s

    # In the worker's thread

    def _work(self) -> None:
        """Run one worker after the other until `stop`."""
        self._app.set_current()  # in this thread only: Celery looks tasks up in its thread's current application
        while not self._link.is_stopping:
            try:
                self._new_worker().start()
            except (Exception, SystemExit):  # Celery ends a worker by SystemExit
                logger.exception("The Celery worker broke off")
            self._link.disconnected()
            if not self._link.is_stopping:
                logger.warning("The Celery worker ended; starting another")
                self._link.wait_for_stop(_RESTART_S)

    def _new_worker(self) -> WorkController:
        return WorkController(
            app=self._app,
            pool="solo",
            concurrency=1,
            consumer_cls=partial(LinkedConsumer, self._link),
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )

    def _take_hint(self, session_ids: object, origin: object, loop: asyncio.AbstractEventLoop) -> None:
        """The task. Anything can lie in the queue; only a list of session ids goes further, and the name of a process."""
        if isinstance(session_ids, list) and all(isinstance(session_id, str) for session_id in session_ids):
            self._hand_over(session_ids, origin if _is_name(origin) else "", loop)
        else:
            logger.warning("A hint in the queue is no list of session ids; skipped")
        self._progress_at = time.monotonic()

    def _hand_over(self, session_ids: list[str], origin: str, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until the writers have taken these sessions, or `stop` comes first."""
        handing_over = self._handing_over = asyncio.run_coroutine_threadsafe(_await(self._offer, session_ids, origin), loop)
        if self._link.is_stopping:
            handing_over.cancel()
        try:
            handing_over.result()
        except CancelledError:
            self._interrupted = session_ids
        except Exception:
            logger.exception("A hint could not be handed to the writers", extra={"sessions": len(session_ids)})
        finally:
            self._handing_over = None


def _is_name(origin: object) -> TypeGuard[str]:
    return isinstance(origin, str) and len(origin) <= MAX_NAME_CHARS and origin.isascii() and origin.isprintable()


async def _await(offer: Offer, session_ids: list[str], origin: str) -> None:
    """`offer` as the coroutine that asyncio asks for."""
    await offer(session_ids, origin)
