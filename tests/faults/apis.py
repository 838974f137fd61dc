"""Faults of API processes."""

from __future__ import annotations

import asyncio

from tests.faults.fault import Fault
from tests.faults.scene import Scene, blocking


async def kill_one(scene: Scene) -> None:
    """`kill -9`; its clients go to the other one. It is restarted on its port."""
    api = scene.random.choice(scene.installation.apis)
    await blocking(api.kill)
    scene.breaks("killed one API process")
    await asyncio.sleep(1)
    await blocking(api.start)
    scene.say("the API process runs again")


FAULTS = (Fault("api-killed", "kill -9 of one of two API processes, restarted a second later", kill_one),)
