"""MemoryNotifier: news inside one process, for the embedded mode and for tests."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from imcore.events import ReplyEvent, WriterRequest
from imcore.ports import Notifier

logger = logging.getLogger(__name__)


class MemoryNotifier(Notifier):
    """Calls the listeners while publishing. Nothing can be missed, so nobody is ever told of a gap."""

    def __init__(self) -> None:
        self._event_listeners: list[Callable[[str, ReplyEvent], None]] = []
        self._request_listeners: list[Callable[[WriterRequest], None]] = []
        self._calls: deque[Callable[[], None]] = deque()
        self._is_calling = False

    @property
    def name(self) -> str:
        return ""

    def publish(self, user_id: str, event: ReplyEvent, *, origin: str = "") -> None:  # noqa: ARG002  (there is one process)
        self._call([partial(listener, user_id, event) for listener in self._event_listeners])

    def publish_request(self, request: WriterRequest) -> None:
        self._call([partial(listener, request) for listener in self._request_listeners])

    def listen(
        self,
        *,
        on_event: Callable[[str, ReplyEvent], None] | None = None,
        on_request: Callable[[WriterRequest], None] | None = None,
        on_gap: Callable[[], None] | None = None,  # noqa: ARG002  (there is none)
    ) -> None:
        if on_event is not None:
            self._event_listeners.append(on_event)
        if on_request is not None:
            self._request_listeners.append(on_request)

    async def ping(self) -> None:
        """There is no broker to be away."""

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """Call nobody any more."""
        self._event_listeners.clear()
        self._request_listeners.clear()

    def _call(self, calls: Sequence[Callable[[], None]]) -> None:
        """What a listener publishes comes after what it was called for, for every listener."""
        self._calls.extend(calls)
        if self._is_calling:
            return
        self._is_calling = True
        try:
            while self._calls:
                self._call_safely(self._calls.popleft())
        finally:
            self._is_calling = False

    def _call_safely(self, call: Callable[[], None]) -> None:
        """One listener's failure is not the others'."""
        try:
            call()
        except Exception:
            logger.exception("A listener failed")
