"""TimeLimit: one timer for all the pieces of a reply, where `asyncio.timeout` would take a new one for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Self, TypeVar

T = TypeVar("T")


class TimeLimit:
    """A moment on the loop's clock after which nothing is waited for; while nothing is, it disturbs nobody.

    To be used as a context, inside of which `wait` may be called from one task at a time.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._is_over = False
        self._waiting: asyncio.Task[Any] | None = None

    def __enter__(self) -> Self:
        self._timer = asyncio.get_running_loop().call_at(self._deadline, self._end)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    async def wait(self, for_: Awaitable[T]) -> T:
        """What `for_` gives; raises `TimeoutError` once the moment has come. A cancellation of the caller goes on to the caller."""
        if self._is_over:
            raise TimeoutError
        task = self._waiting = asyncio.current_task()
        assert task is not None  # noqa: S101  # only a task can await this
        cancellations = task.cancelling()
        try:
            return await for_
        except asyncio.CancelledError:
            if self._is_over and task.uncancel() <= cancellations:
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None

    def _end(self) -> None:
        self._is_over = True
        if self._waiting is not None:
            self._waiting.cancel()
