"""Waiting for what happens elsewhere: in another thread, in a server, in another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], object], *, timeout_s: float = 20.0) -> None:
    """Return as soon as `condition()` is true; raises `TimeoutError` if it does not come to be in time."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  (nobody there can set an event of this loop)
            await asyncio.sleep(0.005)
