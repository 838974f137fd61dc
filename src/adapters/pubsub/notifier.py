"""RedisNotifier: events and requests over Redis publish/subscribe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from redis.exceptions import RedisError

from adapters.pubsub import wire
from adapters.pubsub.channels import EVENTS, REQUESTS, events_of
from adapters.pubsub.connection import redis_client
from adapters.pubsub.neighbours import Neighbours
from adapters.pubsub.publisher import Publisher
from adapters.pubsub.subscriber import Subscriber
from imcore.errors import NotifierUnavailableError
from imcore.events import ReplyEvent, WriterRequest
from imcore.ids import new_id
from imcore.ports import Notifier

logger = logging.getLogger(__name__)


class RedisNotifier(Notifier):
    """One connection that publishes and, if anybody listens here, one that subscribes to what they listen for.

    Whoever listens for events reads the channel of all processes and one of its own. Listen before `start`: a listener that comes later
    hears what is published once its subscription is in force, which `on_gap` tells. `answer_s` bounds `start`, `ping` and the flush of
    `close`; `count_s` is how often it is asked how many processes listen.
    """

    def __init__(
        self, redis_url: str, *, batch_bytes: int = 256 * 1024, silence_s: float = 10.0, answer_s: float = 1.0, count_s: float = 10.0
    ) -> None:
        self._client = redis_client(redis_url, name="imcore-pubsub")
        self._publisher = Publisher(self._client, batch_bytes=batch_bytes)
        self._subscriber = Subscriber(self._client, on_message=self._on_message, on_gap=self._on_gap, silence_s=silence_s)
        self._neighbours = Neighbours(self._client, every_s=count_s)
        self._name = new_id()
        self._answer_s = answer_s
        self._event_listeners: list[Callable[[str, ReplyEvent], None]] = []
        self._request_listeners: list[Callable[[WriterRequest], None]] = []
        self._gap_listeners: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def origin(self) -> str:
        """This process's name if it is one of several that listen for events, so that it is worth telling it something alone; or empty."""
        return self._name if self._event_listeners and self._subscriber.is_subscribed and self._neighbours.exist else ""

    @property
    def published(self) -> int:
        """How many items Redis took, merged deltas counted as one."""
        return self._publisher.published

    @property
    def dropped(self) -> int:
        """How many items were not delivered."""
        return self._publisher.dropped

    async def start(self) -> None:
        """Return once subscribed; with Redis away after `answer_s` seconds, and it goes on trying."""
        self._publisher.start()
        await self._subscriber.start(timeout_s=self._answer_s)
        if self._event_listeners:
            self._neighbours.start()

    async def close(self) -> None:
        """Publish what is outgoing, within `answer_s` seconds, then hear nothing more."""
        await self._publisher.close(timeout_s=self._answer_s)
        await self._neighbours.close()
        await self._subscriber.close()
        await self._client.aclose()

    def publish(self, user_id: str, event: ReplyEvent, *, origin: str = "") -> None:
        self._publisher.add_event(user_id, event, origin)

    def publish_request(self, request: WriterRequest) -> None:
        self._publisher.add_request(request)

    def listen(
        self,
        *,
        on_event: Callable[[str, ReplyEvent], None] | None = None,
        on_request: Callable[[WriterRequest], None] | None = None,
        on_gap: Callable[[], None] | None = None,
    ) -> None:
        if on_gap is not None:
            self._gap_listeners.append(on_gap)
        if on_event is not None:
            self._event_listeners.append(on_event)
            self._subscriber.want(EVENTS)
            self._subscriber.want(events_of(self._name))
        if on_request is not None:
            self._request_listeners.append(on_request)
            self._subscriber.want(REQUESTS)

    async def ping(self) -> None:
        try:
            async with asyncio.timeout(self._answer_s):
                await self._client.ping()
        except TimeoutError:
            raise NotifierUnavailableError(f"Redis does not answer within {self._answer_s} s.") from None
        except (RedisError, OSError) as error:
            raise NotifierUnavailableError(f"Redis does not answer: {error}") from error
        if not self._subscriber.is_subscribed:
            raise NotifierUnavailableError("Redis answers, but the subscription is not in force yet.")

    def _on_message(self, channel: str, payload: bytes) -> None:
        try:
            items = wire.split(payload, events_of(self._name))
        except ValueError:
            logger.warning("A message that nobody can read; skipped", extra={"channel": channel, "bytes": len(payload)})
            return
        for item in items:
            if item is None:
                self._on_gap()
            else:
                self._on_item(channel, item)

    def _on_item(self, channel: str, item: object) -> None:
        try:
            if channel == REQUESTS:
                _call(self._request_listeners, wire.decode_request(item))
            else:
                user_id, event = wire.decode_event(item)
                _call(self._event_listeners, user_id, event)
        except ValueError:
            logger.warning("An item that nobody can read; skipped", extra={"channel": channel})

    def _on_gap(self) -> None:
        _call(self._gap_listeners)


def _call(listeners: list[Callable[..., None]], *args: object) -> None:
    """One listener's failure is not the others'."""
    for listener in tuple(listeners):
        try:
            listener(*args)
        except Exception:
            logger.exception("A listener failed")
