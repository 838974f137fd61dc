"""Faults of the embedded service: one process is everything."""

from __future__ import annotations

from tests.faults.fault import EMBEDDED, Fault
from tests.faults.scene import Scene, blocking


async def kill(scene: Scene) -> None:
    """`kill -9` and a restart on the same port and data."""
    service = scene.installation.apis[0]
    await blocking(service.kill)
    scene.breaks("killed the service")
    await blocking(service.start)
    scene.is_back("the service runs again")


FAULTS = (Fault("embedded-killed", "kill -9 of the embedded service, and a restart", kill, EMBEDDED),)
