"""Neighbours: whether other processes listen for events as well. Only then is it worth telling something to one of them alone."""

from __future__ import annotations

import asyncio
import logging

from redis.asyncio import Redis

from adapters.pubsub.channels import EVENTS

logger = logging.getLogger(__name__)


class Neighbours:
    """Asks Redis every `every_s` seconds how many subscribers the channel of events has. An answer may be as old as that: to be wrong so
    long costs work, in one direction and in the other, and no event.
    """

    def __init__(self, client: Redis, *, every_s: float = 10.0) -> None:
        self.exist = False
        self._client = client
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="imcore-neighbours")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                ((_, subscribers),) = await self._client.pubsub_numsub(EVENTS)
                self.exist = subscribers > 1
            except Exception as error:  # noqa: BLE001  (this task outlives whatever a connection can raise; others tell the operator)
                logger.debug("Redis was not asked who else listens", extra={"error": str(error)})
            await asyncio.sleep(self._every_s)
