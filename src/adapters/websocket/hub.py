"""Hub: who is connected to this process, and the way of an event to all connections of its user."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

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
    """One user's outboxes; `since` is when the first of them came."""

    since: datetime
    sockets: set[Outbox] = field(default_factory=set)
    streams: set[Outbox] = field(default_factory=set)


class Hub:
    """Give `deliver` to the notifier as the one listener for events. Everything here runs on one event loop and never waits."""

    def __init__(self, live: LiveReplies, *, max_connections_per_user: int = 10, outbox_limits: OutboxLimits | None = None) -> None:
        self._live = live
        self._max_sockets = max_connections_per_user
        self._limits = outbox_limits
        self._users: dict[str, _Connected] = {}
        self._closing: CloseCode | None = None

    def open_socket(self, user_id: str) -> Outbox | None:
        """An outbox for all that the user is told, until it is `remove`d; None if the user has as many sockets as allowed."""
        sockets = self._connected(user_id).sockets
        return None if sum(not outbox.is_closed for outbox in sockets) >= self._max_sockets else self._add(sockets)

    def open_stream(self, user_id: str, record_id: str) -> Outbox | None:
        """An outbox for the events of one reply, until it is `remove`d; None if the user has as many streams as allowed.

        Unlike a socket a closed one counts as well: its response may still hang on a client that does not read.
        """
        streams = self._connected(user_id).streams
        return None if len(streams) >= MAX_STREAMS_PER_USER else self._add(streams, record_id)

    def remove(self, user_id: str, outbox: Outbox) -> None:
        connected = self._users.get(user_id)
        if connected is None:
            return
        connected.sockets.discard(outbox)
        connected.streams.discard(outbox)
        if not connected.sockets and not connected.streams:
            del self._users[user_id]

    def deliver(self, user_id: str, event: ReplyEvent) -> None:
        """Tell all connections of the user what is new in `event`: encoded once, the same frame for all of them."""
        news = self._live.hear(user_id, event)
        connected = self._users.get(user_id)
        if news is None or connected is None:
            return
        try:
            frame = frames.reply_event(news)
        except TypeError:  # orjson cannot encode an unpaired surrogate; nobody else's events may suffer from it
            log.exception("an event cannot be encoded; it is dropped", extra={"record_id": event.record_id})
            return
        for outbox in (*connected.sockets, *connected.streams):
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
            for outbox in (*connected.sockets, *connected.streams):
                outbox.close(code)

    def _connected(self, user_id: str) -> _Connected:
        return self._users.get(user_id) or self._users.setdefault(user_id, _Connected(utc_now()))

    def _add(self, outboxes: set[Outbox], record_id: str | None = None) -> Outbox:
        outbox = Outbox(self.snapshot, self._limits, record_id=record_id)
        outboxes.add(outbox)
        if self._closing is not None:
            outbox.close(self._closing)
        return outbox
