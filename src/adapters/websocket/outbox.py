"""Outbox: what one connection is still to be sent. Nobody waits for a slow client: it is bounded, in bytes.

When a client falls behind, the deltas that wait for it are dropped and their records become stale; once it has caught up with all else it
is sent one snapshot for each (a delta at offset 0 replaces). If even that is not enough, its connection is closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from adapters.websocket.close_codes import TOO_SLOW, CloseCode
from adapters.websocket.frames import Frame


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """From `soft_bytes` on queued deltas collapse, from `hard_bytes` on the connection is closed."""

    soft_bytes: int = 64 * 1024
    hard_bytes: int = 1024 * 1024


class Outbox:
    """A queue of frames. `snapshot` gives a record's text so far as one delta frame, None if nobody knows it.

    `record_id` limits it to the events of one reply. `on_close` is called once, when it is closed.
    """

    def __init__(
        self, snapshot: Callable[[str], Frame | None], limits: OutboxLimits | None = None, *, record_id: str | None = None
    ) -> None:
        self.on_close: Callable[[CloseCode | None], None] | None = None
        self.close_code: CloseCode | None = None
        self.is_closed = False
        self.queued_bytes = 0
        self._snapshot = snapshot
        self._limits = limits or OutboxLimits()
        self._record_id = record_id
        self._queue: deque[Frame] = deque()
        self._stale: dict[str, None] = {}  # in the order in which they became so
        self._filled = asyncio.Event()
        self._calm = asyncio.Event()
        self._calm.set()

    def offer(self, frame: Frame) -> bool:
        """Queue `frame` without waiting; False when the reader is too far behind, or the outbox is closed."""
        if self.is_closed:
            return False
        if frame.event is None or self._record_id in {None, frame.event.record_id}:
            self._accept(frame)
        return not self.is_closed

    async def take(self) -> Frame | None:
        """The next frame; None once the outbox is closed and what was queued is sent. A cancelled call loses nothing."""
        while True:
            frame = self._next()
            if frame is not None or self.is_closed:
                return frame
            self._filled.clear()
            await self._filled.wait()

    async def calmed(self) -> None:
        """Wait until less than `soft_bytes` are queued: whoever answers a client's requests reads no further before."""
        await self._calm.wait()

    def close(self, code: CloseCode | None) -> None:
        """End it, once. What is queued is still sent where `code` says so; None: the client has left."""
        if self.is_closed:
            return
        self.is_closed, self.close_code = True, code
        self._stale.clear()
        if code is None or not code.flush:
            self._queue.clear()
            self.queued_bytes = 0
        self._filled.set()
        self._calm.set()
        if self.on_close is not None:
            self.on_close(code)

    def _accept(self, frame: Frame) -> None:
        if frame.delta is not None and frame.delta.record_id in self._stale:
            return  # the snapshot to come will hold it
        if frame.end is not None:
            self._stale.pop(frame.end.record_id, None)  # the end holds the whole message
        if self.queued_bytes > self._limits.hard_bytes:
            self.close(TOO_SLOW)
            return
        self._queue.append(frame)
        self.queued_bytes += frame.size
        self._filled.set()
        if self.queued_bytes > self._limits.soft_bytes:
            self._collapse()
            self._note_calm()

    def _note_calm(self) -> None:
        if self.queued_bytes > self._limits.soft_bytes:
            self._calm.clear()
        else:
            self._calm.set()

    def _collapse(self) -> None:
        """Drop the queued deltas. A record whose end is queued too needs no snapshot."""
        kept: deque[Frame] = deque()
        for frame in self._queue:
            if frame.delta is None:
                kept.append(frame)
            else:
                self._stale[frame.delta.record_id] = None
                self.queued_bytes -= frame.size
            if frame.end is not None:
                self._stale.pop(frame.end.record_id, None)
        self._queue = kept

    def _next(self) -> Frame | None:
        if self._queue:
            frame = self._queue.popleft()
            self.queued_bytes -= frame.size
            self._note_calm()
            return frame
        while self._stale:
            record_id = next(iter(self._stale))
            del self._stale[record_id]
            snapshot = self._snapshot(record_id)
            if snapshot is not None:
                return snapshot
        return None
