"""Group commit: callers that come while a transaction runs share the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Generic, TypeVar

from imcore.errors import StoreUnavailableError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MAX_BATCH_ITEMS = 500


class GroupCommit(Generic[Item, Answer]):
    """Collects the items of concurrent callers while a batch is being committed. One that comes alone is committed at once.

    After a batch of several the next is begun `pause_s` later: under load that makes batches larger and each item cheaper. The first
    batch is begun `gather_s` after its first item, or as soon as `enough_items` wait.

    `commit` writes a batch in one transaction and returns, in the same order, an answer for each item: an exception among them goes
    to that item's caller alone. If it raises, the batch is halved and halved again, until the item that cannot be written is found
    and fails alone; but after `StoreUnavailableError` all callers of the batch get that.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        max_items: int = MAX_BATCH_ITEMS,
        gather_s: float = 0.0,
        enough_items: int = MAX_BATCH_ITEMS,
        pause_s: float = 0.0,
    ) -> None:
        self._commit = commit
        self._max_items = max_items
        self._gather_s = gather_s
        self._enough_items = enough_items
        self._is_enough = asyncio.Event()
        self._pause_s = pause_s
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """The answer for `item`, after its commit. A caller that is cancelled leaves its neighbours alone."""
        if self._closed:
            raise StoreUnavailableError("The store is being closed.")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if len(self._waiting) >= self._enough_items:
            self._is_enough.set()
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return answer

    async def close(self) -> None:
        """Accept no more; return once all that was accepted is answered."""
        self._closed = True
        self._is_enough.set()
        if self._flusher is not None:
            await self._flusher

    async def _flush(self) -> None:
        try:
            if self._gather_s > 0 and not self._closed:
                await self._gather()
            while self._waiting:
                batch = list(islice(self._waiting, self._max_items))
                for _ in batch:
                    self._waiting.popleft()
                await self._write([(item, answer) for item, answer in batch if not answer.cancelled()])
                if len(batch) > 1 and self._pause_s > 0 and not self._closed:
                    await asyncio.sleep(self._pause_s)
        finally:
            self._flusher = None

    async def _gather(self) -> None:
        self._is_enough.clear()
        if len(self._waiting) < self._enough_items:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_s):
                    await self._is_enough.wait()

    async def _write(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        if not batch:
            return
        try:
            answers = await self._commit([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  (whatever it is, it is the callers' to see, not this task's)
            await self._write_failed(batch, error)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                _resolve(future, answer)

    async def _write_failed(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]], error: Exception) -> None:
        if len(batch) == 1:
            _resolve(batch[0][1], error)
        elif isinstance(error, StoreUnavailableError):
            for _, future in batch:
                _resolve(future, StoreUnavailableError(error.detail))
        else:
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])


def _resolve(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if future.cancelled():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
