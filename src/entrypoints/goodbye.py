"""A server that is asked to end tells its connections so, before uvicorn closes them without saying why."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from adapters.websocket.close_codes import GOING_AWAY
from adapters.websocket.hub import Hub


@contextmanager
def goodbye_at_signals(hub: Hub) -> Iterator[None]:
    """Close all connections with 1001 as soon as SIGTERM or SIGINT comes; then do what was to be done at that signal."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's: somebody else cares for them
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def part(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(hub.close_all, GOING_AWAY)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, part)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
