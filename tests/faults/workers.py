"""Faults of worker processes."""

from __future__ import annotations

import asyncio

from tests.faults.fault import Fault
from tests.faults.installation import each
from tests.faults.scene import Scene, blocking
from tests.servers.imcore import WorkerProcess

LEASE_S = 10.0
PAUSE_S = LEASE_S + 4.0
IS_BUSY = 2
"""Replies: one alone could end before the harm is done."""


async def kill_one(scene: Scene) -> None:
    """`kill -9` of one in mid-reply; it stays dead until all is over, so the other one has to do it all."""
    worker = await _a_busy_one(scene)
    await blocking(worker.kill)
    scene.breaks("killed one worker")


async def kill_one_and_restart(scene: Scene) -> None:
    """For a mix: the other goes on meanwhile."""
    worker = scene.random.choice(scene.installation.workers)
    await blocking(worker.kill)
    scene.breaks("killed one worker")
    await blocking(worker.start)


async def kill_all(scene: Scene) -> None:
    """`kill -9` of all at once, restarted after a second."""
    workers = scene.installation.workers
    await each(worker.kill for worker in workers)
    scene.breaks("killed all workers")
    await asyncio.sleep(1)
    await each(worker.start for worker in workers)
    scene.is_back("all workers run again")


async def freeze(scene: Scene) -> None:
    """SIGSTOP for longer than a lease lives, then SIGCONT: what the zombie still writes must be refused."""
    worker = await _a_busy_one(scene)
    await blocking(worker.pause)
    scene.breaks("froze one worker")
    await asyncio.sleep(PAUSE_S)
    worker.resume()
    scene.say("the frozen worker wakes up")
    scene.figures["leases lost"] = await _leases_lost(scene, worker)


async def freeze_briefly(scene: Scene) -> None:
    """For a mix: it may or may not have had something to write."""
    worker = scene.random.choice(scene.installation.workers)
    await blocking(worker.pause)
    scene.breaks("froze one worker")
    await asyncio.sleep(PAUSE_S)
    worker.resume()


async def _a_busy_one(scene: Scene) -> WorkerProcess:
    """One in mid-reply: which of them took the hints is chance."""
    workers = list(scene.installation.workers)
    scene.random.shuffle(workers)
    busy: list[WorkerProcess] = []

    def find() -> bool:
        busy.extend(worker for worker in workers if worker.replies_running >= IS_BUSY)
        return bool(busy)

    await scene.eventually(find, 10, f"no worker writes {IS_BUSY} replies at once")
    return busy[0] if busy else workers[0]


async def _leases_lost(scene: Scene, worker: WorkerProcess) -> int:
    await scene.eventually(lambda: _count(worker), 10, "the worker that was frozen never says that it lost a lease")
    await asyncio.sleep(1)
    return _count(worker)


def _count(worker: WorkerProcess) -> int:
    return worker.log.count('"lease lost"')


FAULTS = (
    Fault("worker-killed", "kill -9 of one of two workers in mid-reply", kill_one),
    Fault("workers-killed", "kill -9 of all workers, which are restarted a second later", kill_all),
    Fault("worker-frozen", "SIGSTOP of a worker beyond its lease, then SIGCONT", freeze),
)
