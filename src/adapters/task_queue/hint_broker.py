"""The queue of hints, through Celery's own API: blocking calls, each bounded by about a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import Celery  # type: ignore[import-untyped]  # it ships no types
from kombu.connection import Connection
from kombu.exceptions import KombuError

from adapters.task_queue.celery_app import HINT_QUEUE, HINT_TASK
from imcore.errors import QueueUnavailableError

_FAIL_FAST = {"socket_timeout": 1, "socket_connect_timeout": 1}


class HintBroker:
    """One held connection, for one thread at a time. Every method raises `QueueUnavailableError`, and connects anew after one."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Connection | None = None
        self._producer: Any = None

    def publish(self, session_ids: Sequence[str]) -> None:
        """One task that names all these sessions."""
        with self._connected():
            self._app.send_task(HINT_TASK, (list(session_ids),), producer=self._producer, retry=False, ignore_result=True)

    def length(self) -> int:
        """How many hints wait in the broker."""
        with self._connected() as connection:
            channel: Any = connection.default_channel
            return int(channel.queue_declare(HINT_QUEUE).message_count)

    def close(self) -> None:
        """Give the connection back; the next call would open another."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.release()  # type: ignore[no-untyped-call]  # most of kombu has no types

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        connection = self._connection or self._open()
        try:
            yield connection
        except (KombuError, OSError, *connection.connection_errors, *connection.channel_errors) as error:
            self.close()
            raise QueueUnavailableError(f"The broker does not take hints: {error}") from error

    def _open(self) -> Connection:
        """Not connected yet: kombu connects with the first use."""
        connection: Connection = self._app.connection_for_write(transport_options=_FAIL_FAST)
        self._connection, self._producer = connection, self._app.amqp.Producer(connection, auto_declare=False)
        return connection
