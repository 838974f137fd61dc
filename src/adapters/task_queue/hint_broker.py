"""The queue of hints, through kombu's own connection: blocking calls, each bounded by about a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import Celery  # type: ignore[import-untyped]  # it ships no types
from kombu.connection import Connection
from kombu.exceptions import KombuError

from adapters.task_queue.celery_app import HINT_QUEUE
from adapters.task_queue.hint_message import HintMessage
from imcore.errors import QueueUnavailableError

_FAIL_FAST = {"socket_timeout": 1, "socket_connect_timeout": 1}


class HintBroker:
    """One held connection, for one thread at a time. Every method raises `QueueUnavailableError`, and connects anew after one.

    Kombu itself makes a Redis client for each message, which costs more than all the rest; this uses the one that the channel holds.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Connection | None = None
        self._message: HintMessage | None = None

    def publish(self, session_ids: Sequence[str], origin: str = "") -> None:
        """One task that names all these sessions, and the process where they were written to."""
        with self._connected() as redis:
            redis.lpush(HINT_QUEUE, self._prepare().render(session_ids, origin))

    def length(self) -> int:
        """How many hints wait in the broker. Asked before the first hint, it spares that one the imports that Celery and kombu put off."""
        with self._connected() as redis:
            self._prepare()
            return int(redis.llen(HINT_QUEUE))

    def close(self) -> None:
        """Give the connection back; the next call would open another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()  # type: ignore[no-untyped-call]  # most of kombu has no types

    def _prepare(self) -> HintMessage:
        if self._message is None:
            self._message = HintMessage(self._app)
        return self._message

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """The Redis client of kombu's channel, which puts the key prefix before the list's name."""
        connection = self._connection = self._connection or self._app.connection_for_write(transport_options=_FAIL_FAST)
        try:
            channel: Any = connection.default_channel  # kombu's types do not know that it is a Redis channel
            yield channel.client
        except (KombuError, OSError, *connection.connection_errors, *connection.channel_errors) as error:
            self.close()
            raise QueueUnavailableError(f"The broker does not take hints: {error}") from error
