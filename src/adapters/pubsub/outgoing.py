"""Outgoing: what waits to be published, in order, deltas merged, bounded."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field

from adapters.pubsub import wire
from adapters.pubsub.channels import REQUESTS, Batch, Encoded, addressed, events_of
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyEvent, ReplyFailed, WriterRequest

logger = logging.getLogger(__name__)

_ITEM_CHARS = 200
"""What an item counts beside its text."""


@dataclass(slots=True)
class _Event:
    user_id: str
    event: ReplyEvent
    chars: int
    channel: str

    def encode(self) -> bytes:
        return wire.encode_event(self.user_id, self.event)


@dataclass(slots=True)
class _Deltas:
    """Deltas of one attempt, each beginning where the one before ends."""

    user_id: str
    first: ReplyDelta
    texts: list[str]
    end: int
    chars: int
    channel: str

    def go_on_with(self, delta: ReplyDelta, channel: str) -> bool:
        return self.first.attempt == delta.attempt and self.end == delta.offset and self.channel == channel

    def join(self, delta: ReplyDelta) -> None:
        self.texts.append(delta.text)
        self.end += len(delta.text)
        self.chars += len(delta.text)

    def encode(self) -> bytes:
        return wire.encode_delta(self.user_id, self.first, "".join(self.texts))


@dataclass(slots=True)
class _Request:
    request: WriterRequest
    chars: int
    channel = REQUESTS

    def encode(self) -> bytes:
        return wire.encode_request(self.request)


_Item = _Event | _Deltas | _Request


@dataclass(slots=True)
class Outgoing:
    """A queue of at most `max_chars` characters of text, an item counting 200 more; what does not fit is refused.

    A delta joins the previous one of its record if it begins where that ends and nothing else of the record came between. So the news of
    one record keep their order, and so does everything that is not a delta.
    """

    max_chars: int = 4_000_000
    _items: deque[_Item] = field(default_factory=deque)
    _joinable: dict[str, _Deltas] = field(default_factory=dict)
    _chars: int = 0

    def __len__(self) -> int:
        return len(self._items)

    def add_event(self, user_id: str, event: ReplyEvent, origin: str = "") -> bool:
        """Whether there was room."""
        channel = events_of(origin)
        if isinstance(event, ReplyDelta):
            return self._add_delta(user_id, event, channel)
        self._joinable.pop(event.record_id, None)
        return self._append(_Event(user_id, event, _ITEM_CHARS + _text_chars(event), channel))

    def add_request(self, request: WriterRequest) -> bool:
        """Whether there was room."""
        return self._append(_Request(request, _ITEM_CHARS))

    def take(self, max_bytes: int) -> list[Batch]:
        """The next items, of about `max_bytes` at most unless one item alone is longer; nothing if nothing waits.

        Events and requests are not taken together.
        """
        self._joinable.clear()
        taken: list[Encoded] = []
        size = 2
        while self._items and (not taken or (self._items[0].channel == REQUESTS) == (taken[0].channel == REQUESTS)):
            encoded = _encode(self._items[0])
            size += len(encoded) + 1
            if taken and size > max_bytes:
                break
            item = self._items.popleft()
            self._chars -= item.chars
            if encoded:
                taken.append(Encoded(item.channel, encoded))
        return addressed(taken)

    def clear(self) -> int:
        """Forget everything; returns how many items that were."""
        count = len(self._items)
        self._items.clear()
        self._joinable.clear()
        self._chars = 0
        return count

    def _add_delta(self, user_id: str, delta: ReplyDelta, channel: str) -> bool:
        last = self._joinable.get(delta.record_id)
        if last is None or not last.go_on_with(delta, channel):
            deltas = _Deltas(user_id, delta, [delta.text], delta.offset + len(delta.text), _ITEM_CHARS + len(delta.text), channel)
            if not self._append(deltas):
                self._joinable.pop(delta.record_id, None)
                return False
            self._joinable[delta.record_id] = deltas
            return True
        if self._chars + len(delta.text) > self.max_chars:
            return False
        last.join(delta)
        self._chars += len(delta.text)
        return True

    def _append(self, item: _Item) -> bool:
        if self._chars + item.chars > self.max_chars:
            return False
        self._items.append(item)
        self._chars += item.chars
        return True


def _text_chars(event: ReplyEvent) -> int:
    message = event.message if isinstance(event, ReplyCompleted | ReplyCancelled) else None
    if isinstance(event, ReplyFailed):
        return len(event.error.message)
    return 0 if message is None else len(message.msg_content)


def _encode(item: _Item) -> bytes:
    """Empty for what cannot be told: an unpaired surrogate in a model's text must not keep all others waiting."""
    try:
        return item.encode()
    except ValueError:
        logger.exception("An event cannot be encoded; it is dropped")
        return b""
