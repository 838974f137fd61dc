"""The queue of hints: Celery's list in Redis, one task message at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celery import Celery  # type: ignore[import-untyped]  # it ships no types
from redis.exceptions import RedisError

from adapters.task_queue.celery_app import HINT_QUEUE
from adapters.task_queue.hint_message import HintMessage
from imcore.errors import QueueUnavailableError

if TYPE_CHECKING:
    from redis.asyncio import Redis


class HintBroker:
    """`publish` and `length` raise `QueueUnavailableError`; `client` says after how long.

    Kombu would publish the same message, but it blocks, so it would need a thread: two changes of threads a hint cost more than the hint.
    """

    def __init__(self, app: Celery, client: Redis) -> None:
        self._app = app
        self._client = client
        self._list = f"{app.conf.broker_transport_options['global_keyprefix']}{HINT_QUEUE}"
        self._message: HintMessage | None = None

    async def publish(self, session_ids: Sequence[str], origin: str = "") -> None:
        """One task that names all these sessions, and the process where they were written to."""
        message = self._message or await self._prepare()
        try:
            await self._client.lpush(self._list, message.render(session_ids, origin))
        except (RedisError, OSError) as error:
            raise QueueUnavailableError(f"The broker does not take hints: {error}") from error

    async def length(self) -> int:
        """How many hints wait in the broker. Asked before the first hint, it spares that one the imports that Celery puts off."""
        if self._message is None:
            await self._prepare()
        try:
            return await self._client.llen(self._list)
        except (RedisError, OSError) as error:
            raise QueueUnavailableError(f"The broker does not answer: {error}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _prepare(self) -> HintMessage:
        self._message = await asyncio.to_thread(HintMessage, self._app)  # a tenth of a second of imports
        return self._message
