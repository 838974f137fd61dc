"""Sends in flight: in order within a session, at once across sessions, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from entrypoints.api.send_pipeline import SendPipeline


class Store:
    """Sends begin when they are called and end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    def send(self, name: str) -> Callable[[], Awaitable[None]]:
        self._ends[name] = asyncio.Event()

        async def run() -> None:
            self.begun.append(name)
            await self._ends[name].wait()

        return run

    def end(self, name: str) -> None:
        self._ends[name].set()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_session_waits_for_itself_and_not_for_others() -> None:
    store, pipeline = Store(), SendPipeline()
    await pipeline.submit("a", store.send("a1"))
    await pipeline.submit("a", store.send("a2"))
    await pipeline.submit("b", store.send("b1"))
    await settle()
    assert store.begun == ["a1", "b1"]

    store.end("a1")
    await settle()

    assert store.begun == ["a1", "b1", "a2"]
    for name in ("a2", "b1"):
        store.end(name)
    await pipeline.drained()


async def test_no_more_than_so_many_are_in_flight() -> None:
    store, pipeline = Store(), SendPipeline(max_in_flight=2)
    await pipeline.submit("a", store.send("a"))
    await pipeline.submit("b", store.send("b"))
    third = asyncio.create_task(pipeline.submit("c", store.send("c")))
    await settle()
    assert store.begun == ["a", "b"]

    store.end("a")
    await third
    await settle()

    assert store.begun == ["a", "b", "c"]
    for name in ("b", "c"):
        store.end(name)
    await pipeline.drained()
