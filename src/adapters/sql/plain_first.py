"""Two group commits of one kind of step: one that is quick for plain items, one that knows all cases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic

from adapters.sql.group_commit import MAX_BATCH_ITEMS, Answer, GroupCommit, Item


class PlainFirst(Generic[Item, Answer]):
    """Each batch is given to `plain`, which answers items by their places in it; what it does not answer goes to `thorough`.

    `gather_s`, `enough_items`, `pause_s`: see `GroupCommit`.
    """

    def __init__(
        self,
        plain: Callable[[Sequence[Item]], Awaitable[Mapping[int, Answer]]],
        thorough: GroupCommit[Item, Answer],
        *,
        max_items: int,
        gather_s: float = 0.0,
        enough_items: int = MAX_BATCH_ITEMS,
        pause_s: float = 0.0,
    ) -> None:
        self._plain = plain
        self._thorough = thorough
        self._batches = GroupCommit(self._commit, max_items=max_items, gather_s=gather_s, enough_items=enough_items, pause_s=pause_s)

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """As `GroupCommit.submit`."""
        return self._batches.submit(item)

    async def close(self) -> None:
        """As `GroupCommit.close`."""
        await self._batches.close()
        await self._thorough.close()

    async def _commit(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        answers: dict[int, Answer | Exception] = {**await self._plain(items)}
        if len(answers) < len(items):
            left = [place for place in range(len(items)) if place not in answers]
            answers |= zip(left, await asyncio.gather(*(self._thoroughly(items[place]) for place in left)), strict=True)
        return [answers[place] for place in range(len(items))]

    async def _thoroughly(self, item: Item) -> Answer | Exception:
        try:
            return await self._thorough.submit(item)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is this item's caller's to see)
            return error
