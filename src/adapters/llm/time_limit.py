"""TimeLimit: one timer for all the pieces of a reply, where `asyncio.timeout` would take a new one for each."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self


class TimeLimit:
    """A moment on the loop's clock after which the task that has entered the context is not to wait any more: it gets a `TimeoutError`.

    Between `pause` and `resume` it does something else, which the limit does not disturb: a generator gives its value away.
    A cancellation of the task goes on to the task.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._is_over = False
        self._is_paused = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # only a task can wait
        self._task: asyncio.Task[Any] = task
        self._cancellations = task.cancelling()
        self._timer = asyncio.get_running_loop().call_at(self._deadline, self._end)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        is_ours = self._is_over and not self._is_paused and isinstance(error, asyncio.CancelledError)
        if is_ours and self._task.uncancel() <= self._cancellations:
            raise TimeoutError from error

    def pause(self) -> None:
        self._is_paused = True

    def resume(self) -> None:
        """Raises `TimeoutError` if the moment has come meanwhile."""
        self._is_paused = False
        if self._is_over:
            raise TimeoutError

    def _end(self) -> None:
        self._is_over = True
        if not self._is_paused:
            self._task.cancel()
