"""DeltaWindow: what the replies of this process have to tell, gathered until the next tick.

A model gives a token every 10 to 30 ms. To encode, carry and write each one to a socket costs ten times what it costs to read it from the
model; a dozen pieces a second look the same to a reader.
"""

from __future__ import annotations

import asyncio

from imcore.draft import Draft
from imcore.ports import Notifier

WINDOW_S = 0.08
LAG_S = 0.01
"""How long after a tick deltas leave: what clients of models have gathered until the tick is with them then."""

CLOCK_S = 0.001


def until_tick(now_s: float, window_s: float) -> float:
    """How long until the loop's clock reaches the next multiple of the window. Whoever gathers anything ends with the tick: two windows
    on a text's way then hold it for one window, not for two. A tick less than a millisecond away, which is what a loop's clock may be
    off, has come: it is the next one's turn. Without a window there is nothing to wait for."""
    if window_s <= 0:
        return 0.0
    wait_s = window_s - now_s % window_s
    return wait_s if wait_s > CLOCK_S else wait_s + window_s


class DeltaWindow:
    """The first delta of a reply is published at once; later ones of all replies together, once in each window.

    With a `window_s` of 0 every delta is published at once.
    """

    def __init__(self, notifier: Notifier, *, window_s: float = WINDOW_S) -> None:
        self._notifier = notifier
        self._window_s = window_s
        self._waiting: set[Draft] = set()
        self._timer: asyncio.TimerHandle | None = None

    def grew(self, draft: Draft) -> None:
        """`draft` has text that was not published yet."""
        if not draft.has_told or self._window_s <= 0:
            self._publish(draft)
            return
        self._waiting.add(draft)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(until_tick(loop.time() - LAG_S, self._window_s), self._publish_all)

    def flush(self, draft: Draft) -> None:
        """Publish what waits of this reply: its end is next."""
        self._waiting.discard(draft)
        self._publish(draft)

    def forget(self, draft: Draft) -> None:
        """Nothing more is to be told of it here."""
        self._waiting.discard(draft)

    def _publish_all(self) -> None:
        self._timer = None
        while self._waiting:
            self._publish(self._waiting.pop())

    def _publish(self, draft: Draft) -> None:
        delta = draft.untold()
        if delta is not None:
            self._notifier.publish(draft.record.user_id, delta, origin=draft.origin)
