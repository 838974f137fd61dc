"""Hub: who is connected to this process, and the way of an event to all connections of its user."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from adapters.websocket import frames
from adapters.websocket.close_codes import CloseCode
from adapters.websocket.frames import Frame
from adapters.websocket.outbox import Outbox, OutboxLimits
from imcore.clock import utc_now
from imcore.events import ReplyEvent
from imcore.live_replies import LiveReplies

log = logging.getLogger(__name__)

MAX_STREAMS_PER_USER = 50


@dataclass(slots=True)
class _Connected:
    """One user's outboxes, few enough for a tuple: half the memory of a set; `since` is when the first of them came."""

    since: datetime
    outboxes: tuple[Outbox, ...] = ()


class Hub:
    """Give `deliver` to the notifier as the one listener for events. Everything here runs on one event loop and never waits."""

    def __init__(self, live: LiveReplies, *, max_connections_per_user: int = 10, outbox_limits: OutboxLimits | None = None) -> None:
        self._live = live
        self._max_sockets = max_connections_per_user
        self._new_outbox = partial(Outbox, self.snapshot, outbox_limits or OutboxLimits())
        self._users: dict[str, _Connected] = {}
        self._closing: CloseCode | None = None

    def open_socket(self, user_id: str) -> Outbox | None:
        """An outbox for all that the user is told, until it is `remove`d; None if the user has as many sockets as allowed."""
        sockets = [outbox for outbox in self._outboxes(user_id) if outbox.record_id is None and not outbox.is_closed]
        return None if len(sockets) >= self._max_sockets else self._add(user_id)

    def open_stream(self, user_id: str, record_id: str) -> Outbox | None:
        """An outbox for the events of one reply, until it is `remove`d; None if the user has as many streams as allowed.

        Unlike a socket a closed one counts as well: its response may still hang on a client that does not read.
        """
        streams = [outbox for outbox in self._outboxes(user_id) if outbox.record_id is not None]
        return None if len(streams) >= MAX_STREAMS_PER_USER else self._add(user_id, record_id)

    def remove(self, user_id: str, outbox: Outbox) -> None:
        connected = self._users.get(user_id)
        if connected is None:
            return
        connected.outboxes = tuple(other for other in connected.outboxes if other is not outbox)
        if not connected.outboxes:
            del self._users[user_id]

    def deliver(self, user_id: str, event: ReplyEvent) -> None:
        """Tell all connections of the user what is new in `event`: encoded once, the same frame for all of them."""
        connected = self._users.get(user_id)
        news = self._live.hear(user_id, event, has_readers=connected is not None)
        if news is None or connected is None:
            return
        try:
            frame = frames.reply_event(news)
        except TypeError:  # orjson cannot encode an unpaired surrogate; nobody else's events may suffer from it
            log.exception("an event cannot be encoded; it is dropped", extra={"record_id": event.record_id})
            return
        for outbox in connected.outboxes:
            outbox.offer(frame)

    def snapshot(self, record_id: str) -> Frame | None:
        """The whole text so far of a reply, as one delta frame; None if it is not known here."""
        delta = self._live.snapshot(record_id)
        return None if delta is None else frames.reply_event(delta)

    def connected(self) -> dict[str, datetime]:
        """The users who are connected now, and since when without a break."""
        return {user_id: connected.since for user_id, connected in self._users.items()}

    def close_all(self, code: CloseCode) -> None:
        """Close every connection, and from now on each new one at once."""
        self._closing = code
        for connected in list(self._users.values()):
            for outbox in connected.outboxes:
                outbox.close(code)

    def _outboxes(self, user_id: str) -> tuple[Outbox, ...]:
        connected = self._users.get(user_id)
        return () if connected is None else connected.outboxes

    def _add(self, user_id: str, record_id: str | None = None) -> Outbox:
        outbox = self._new_outbox(record_id=record_id)
        if user_id not in self._users:
            self._users[user_id] = _Connected(utc_now())
            self._live.come_to_read(user_id)
        connected = self._users[user_id]
        connected.outboxes = (*connected.outboxes, outbox)
        if self._closing is not None:
            outbox.close(self._closing)
        return outbox
