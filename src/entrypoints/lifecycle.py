"""In which order the parts of a process are opened, and closed again: first what brings work, last what keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from entrypoints.goodbye import goodbye_at_signals

EMBEDDED_DRAIN_S = 5.0
WORKER_DRAIN_S = 20.0
SAMPLE_S = 2.0

Container = Any  # dependency-injector's containers have no static type


@asynccontextmanager
async def serving(container: Container) -> AsyncIterator[None]:
    """An API process; in embedded mode it writes the replies as well."""
    async with AsyncExitStack() as stack:
        await _open_store_and_broker(container, stack)
        stack.enter_context(goodbye_at_signals(container.hub()))
        if container.settings().embedded:
            await _open_writers(container, stack, EMBEDDED_DRAIN_S)
            container.queue().listen(container.writers().offer)
        yield


@asynccontextmanager
async def working(container: Container) -> AsyncIterator[None]:
    """A worker process."""
    async with AsyncExitStack() as stack:
        await _open_store_and_broker(container, stack)
        await _open_writers(container, stack, WORKER_DRAIN_S)
        consumer = container.consumer()
        await consumer.start()
        stack.push_async_callback(consumer.stop)
        yield


async def _open_store_and_broker(container: Container, stack: AsyncExitStack) -> None:
    stack.push_async_callback(container.store().close)
    await container.store().ping()
    notifier, queue = container.notifier(), container.queue()
    stack.push_async_callback(notifier.close)
    stack.push_async_callback(queue.close)
    await notifier.start()
    sampling = asyncio.create_task(_sample(container), name="sample")
    stack.push_async_callback(_cancelled, sampling)


async def _open_writers(container: Container, stack: AsyncExitStack, drain_s: float) -> None:
    llm = await asyncio.to_thread(container.llm)  # importing LangChain takes seconds
    stack.push_async_callback(llm.close)
    writers = container.writers()
    writers.open()
    stack.push_async_callback(writers.close, drain_s)


async def _sample(container: Container) -> None:
    """Keep the gauges that nobody sets on the way."""
    metrics, store, queue = container.metrics(), container.store(), container.queue()
    while True:
        metrics.db_connections(store.connection_counts())
        length = await queue.length()
        if length is not None:
            metrics.broker_queue_length(length)
        await asyncio.sleep(SAMPLE_S)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
