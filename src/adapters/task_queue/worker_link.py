"""The two ends of a Celery worker that runs in a thread: what the rest of the process sees of it and may ask of it."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import bootsteps  # type: ignore[import-untyped]  # it ships no types
from celery.exceptions import WorkerShutdown  # type: ignore[import-untyped]  # it ships no types
from celery.worker.consumer import Consumer  # type: ignore[import-untyped]  # it ships no types
from kombu.connection import Connection

logger = logging.getLogger(__name__)


class WorkerLink:
    """Shared by the worker's thread and the rest of the process; outlives single workers."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._consumer: LinkedConsumer | None = None
        self.is_connected = False
        self._outage_is_logged = False

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Shut the worker down, and whichever would follow it."""
        self._stopping.set()
        self.shut_down_worker()

    def shut_down_worker(self) -> None:
        """Wake the present worker's event loop, if it has one, and end it there in good order (Celery's warm shutdown)."""
        consumer = self._consumer
        if consumer is not None:
            consumer.call_soon(consumer.shut_down)

    def wait_for_stop(self, timeout_s: float) -> None:
        self._stopping.wait(timeout_s)

    # For the worker's thread

    def connected(self, consumer: LinkedConsumer) -> None:
        self._consumer = consumer
        self.is_connected = True
        self._outage_is_logged = False
        logger.info("The Celery worker takes hints")

    def disconnected(self) -> None:
        self._consumer = None
        self.is_connected = False

    def unreachable(self, error: Exception) -> None:
        """One line an outage, not one a knock."""
        if not self._outage_is_logged:
            self._outage_is_logged = True
            logger.warning("The Celery worker cannot reach the broker; it keeps trying", extra={"error": str(error)})


class LinkedConsumer(Consumer):  # type: ignore[misc]  # celery ships no types
    """Celery's consumer, which tells a `WorkerLink` how it fares, stops at its word and reconnects faster.

    Celery knocks after 2, 4, 6 … 30 seconds and cannot be told otherwise; this one after 0.2, 0.4 … 1.
    """

    def __init__(self, link: WorkerLink, *args: Any, **kwargs: Any) -> None:
        self._link = link
        super().__init__(*args, **kwargs)

    def ensure_connected(self, conn: Connection) -> Connection:
        self._link.disconnected()
        self._stop_if_asked()
        connection: Connection = conn.ensure_connection(  # type: ignore[no-untyped-call]  # most of kombu has no types
            self._on_failure, max_retries=None, interval_start=0.2, interval_step=0.2, interval_max=1, callback=self._stop_if_asked
        )
        self.first_connection_attempt = False
        return connection

    def on_ready(self) -> None:
        super().on_ready()
        self._link.connected(self)
        if self._link.is_stopping:
            self.call_soon(self.shut_down)

    def shut_down(self) -> None:
        """To be called in the worker's event loop."""
        if self.blueprint.state == bootsteps.RUN:
            raise WorkerShutdown(0)

    def _stop_if_asked(self) -> None:
        if self._link.is_stopping:
            raise WorkerShutdown(0)

    def _on_failure(self, error: Exception, _interval: float) -> None:
        self._link.unreachable(error)
