"""`imcore worker`: hears hints from Celery, writes replies on one event loop, recovers what nobody serves."""

from __future__ import annotations

import asyncio
import logging
import signal

from uvicorn.loops.auto import auto_loop_factory

from entrypoints.container import WorkerContainer
from entrypoints.garbage import collect_rarely
from entrypoints.logs import configure_logs
from entrypoints.settings import Settings, WrongSettingsError

log = logging.getLogger(__name__)


def work(settings: Settings, concurrency: int, metrics_port: int | None) -> None:
    """Write replies until SIGTERM or SIGINT, then finish or hand back what runs.

    Raises:
        WrongSettingsError: no `IM_REDIS_URL`, or the metrics port is taken.
        SchemaOutdatedError, StoreUnavailableError: the database is not ready for this code.
    """
    if settings.embedded:
        raise WrongSettingsError(
            "IM_REDIS_URL: `imcore worker` needs it (redis://host:6379/0); without it `imcore serve` writes the replies."
        )
    configure_logs(settings, "worker")
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_work(WorkerContainer(settings=settings, concurrency=concurrency), metrics_port))


async def _work(container: WorkerContainer, metrics_port: int | None) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with container.lifecycle():
        if metrics_port is not None:
            container.metrics().serve(metrics_port)  # not before: whoever scrapes may take the answer for readiness
        collect_rarely()
        log.info("worker is ready")
        await stop.wait()
        log.info("worker stops")
