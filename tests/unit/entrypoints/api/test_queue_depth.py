"""The queue's depth: sampled, and the last sample counts while the store is away."""

from __future__ import annotations

import pytest

from adapters.memory.message_store import MemoryMessageStore
from entrypoints.api.queue_depth import QueueDepth
from imcore.errors import QueueFullError, StoreUnavailableError


class Store(MemoryMessageStore):
    depth: int | None = 0

    async def open_record_count(self) -> int:
        if self.depth is None:
            raise StoreUnavailableError("away")
        return self.depth


async def test_above_the_limit_sends_are_refused_until_it_is_below_again() -> None:
    store, gauge = Store(), list[int]()
    depth = QueueDepth(store, 5, gauge.append)
    depth.check()

    for store.depth in (5, 6):
        await depth.sample()
    with pytest.raises(QueueFullError):
        depth.check()
    store.depth = None
    with pytest.raises(StoreUnavailableError):
        await depth.sample()
    with pytest.raises(QueueFullError):
        depth.check()
    store.depth = 4
    await depth.sample()
    depth.check()

    assert gauge == [5, 6, 4]
