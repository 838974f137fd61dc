"""All of it, in random order, on one installation under steady load."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from tests.faults import apis, clients, database, embedded, redis, workers
from tests.faults.crowd import Load
from tests.faults.fault import EVERYWHERE, Fault
from tests.faults.scene import Harm, Scene

MINUTES = 10.0
BETWEEN_S = (2.0, 10.0)
OUTAGE_S = 10.0


async def cut_all_clients(scene: Scene) -> None:
    """Every client's connection breaks at once."""
    scene.say("all clients are cut off")
    await asyncio.gather(*(user.drop() for user in scene.crowd.users))


SPREAD_HARMS: tuple[Harm, ...] = (
    workers.kill_one_and_restart,
    workers.kill_all,
    workers.freeze_briefly,
    apis.kill_one,
    redis.restart,
    redis.flush,
    partial(redis.stay_away, away_s=OUTAGE_S),
    database.restart,
    database.kill,
    database.cut_connections,
    cut_all_clients,
    clients.cancel,
)
EMBEDDED_HARMS: tuple[Harm, ...] = (embedded.kill, cut_all_clients, clients.cancel)


def mix(minutes: float = MINUTES) -> Fault:
    """Harm after harm for this many minutes; one message in twelve makes the model fail as well."""

    async def harm(scene: Scene) -> None:
        harms = EMBEDDED_HARMS if scene.installation.plan.embedded else SPREAD_HARMS
        deadline = time.monotonic() + minutes * 60
        while time.monotonic() < deadline:
            await scene.random.choice(harms)(scene)
            await asyncio.sleep(scene.random.uniform(*BETWEEN_S))

    load = Load(pause_s=8.0, most=round(minutes * 60), marker="[break]", marked_every=12)
    return Fault("mix", f"all of these in random order for {minutes:g} minutes", harm, EVERYWHERE, load, model=True)


FAULTS = (mix(),)
