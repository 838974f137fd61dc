"""Subscriber: one connection and one task that reads channels for ever, and says when something may have been missed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class Subscriber:
    """Calls `on_message(channel, payload)` for each message, and `on_gap()` when a subscription begins later than it was wanted.

    It comes back by itself, within a second of the server. A connection on which nothing comes for `silence_s` seconds is asked for a
    sign of life, and given up after as long again.
    """

    def __init__(self, client: Redis, *, on_message: Callable[[str, bytes], None], on_gap: Callable[[], None], silence_s: float) -> None:
        self._client = client
        self._on_message = on_message
        self._on_gap = on_gap
        self._silence_s = silence_s
        self._channels: list[str] = []
        self._confirmed: set[str] = set()
        self._subscribed = asyncio.Event()
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._backoff_s = _backoff()
        self._is_started = False
        self._is_starting = False
        self._is_down = False

    @property
    def is_subscribed(self) -> bool:
        """Whether every channel wanted is being read."""
        return self._subscribed.is_set() or not self._channels

    def want(self, channel: str) -> None:
        """Read `channel` too; once started that takes a new subscription to all of them, and so a gap."""
        if channel not in self._channels:
            self._channels.append(channel)
            if self._is_started:
                self._begin()

    async def start(self, *, timeout_s: float) -> None:
        """Return once subscribed, or after `timeout_s` seconds: it goes on trying."""
        self._is_started = True
        if not self._channels:
            return
        self._is_starting = True
        self._begin()
        try:
            await asyncio.wait_for(self._subscribed.wait(), timeout_s)
        except TimeoutError:
            logger.warning("Redis is not there yet; events are missed until it is")
        finally:
            self._is_starting = False

    async def close(self) -> None:
        self._is_started = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _begin(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._run(), name="imcore-subscriber")

    async def _run(self) -> None:
        while True:
            try:
                async with self._reading, self._client.pubsub() as pubsub:
                    await self._read(pubsub)
            except Exception as error:  # noqa: BLE001  (this task outlives whatever a connection can raise; it is logged)
                self._lost(error)
            await asyncio.sleep(next(self._backoff_s))

    async def _read(self, pubsub: PubSub) -> None:
        self._confirmed.clear()
        self._subscribed.clear()
        await pubsub.subscribe(*self._channels)
        while True:
            message = await self._next(pubsub)
            if message["type"] == "message":
                self._on_message(message["channel"].decode(), message["data"])
            elif message["type"] == "subscribe":
                self._confirm(message["channel"].decode())

    async def _next(self, pubsub: PubSub) -> dict[str, Any]:
        message: dict[str, Any] | None = await pubsub.get_message(timeout=self._silence_s)
        if message is None:
            await pubsub.ping()
            message = await pubsub.get_message(timeout=self._silence_s)
        if message is None:
            raise RedisConnectionError("no sign of life")
        return message

    def _confirm(self, channel: str) -> None:
        self._confirmed.add(channel)
        if not self._confirmed.issuperset(self._channels):
            return
        if self._is_down:
            logger.info("Redis sends events again")
        self._is_down = False
        self._backoff_s = _backoff()
        self._subscribed.set()
        if not self._is_starting:
            self._on_gap()

    def _lost(self, error: Exception) -> None:
        self._subscribed.clear()
        if not self._is_down:
            self._is_down = True
            unforeseen = not isinstance(error, RedisError | OSError)
            logger.warning("Redis sends no events; they are missed until it does", extra={"error": str(error)}, exc_info=unforeseen)


def _backoff() -> Iterator[float]:
    return chain((0.05, 0.1, 0.2, 0.4, 0.8), repeat(1.0))
