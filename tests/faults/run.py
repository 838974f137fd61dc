"""One fault from the start to its row."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from random import Random

from tests.faults.crowd import Crowd, Load
from tests.faults.evidence import gather_evidence
from tests.faults.fault import Fault
from tests.faults.installation import Installation, Plan, started
from tests.faults.row import Row, row_of
from tests.faults.scene import Scene
from tests.faults.user import User
from tests.faults.verdict import judge

LONGEST_S = 240.0
"""For load and harm together; a fault may have a longer time of its own."""


async def run_alone(
    fault: Fault, database: str, *, seed: int, messages: int | None = None, plant: str = "", longest_s: float = LONGEST_S
) -> Row:
    """In an installation of its own. The seed and the name make the dice, so that one fault alone repeats as in the whole suite."""
    plan = Plan(database, fault.model, plant, fault.settings)
    async with started(plan) as installation:
        return await run(fault, installation, seed=seed, messages=messages, longest_s=longest_s)


async def run(fault: Fault, installation: Installation, *, seed: int, messages: int | None = None, longest_s: float = LONGEST_S) -> Row:
    """Load, harm in the middle of it, wait for the last end, read what is stored, judge."""
    begun = time.monotonic()
    load = replace(fault.load, messages=messages or fault.load.messages)
    dice = Random(f"{seed} {fault.name}")
    crowd = Crowd(_users(fault, load, installation, dice), dice)
    scene = Scene(fault.name, installation, crowd, dice, load.messages)
    async with crowd.connected():
        await _play(fault, load, scene, longest_s)
        evidence = await gather_evidence(installation, crowd.users)
    if fault.check is not None:
        await fault.check(scene, evidence)
    row = row_of(scene, judge(evidence), time.monotonic() - begun)
    scene.say(f"{'ok' if row.is_clean else 'WRONG'} after {row.took_s:.0f} s: {row.accepted} accepted, {row.replied} replied")
    return row


def _users(fault: Fault, load: Load, installation: Installation, dice: Random) -> list[User]:
    """Half of them begin with the first instance, half with the second."""
    count = load.crowd if fault.after_s is not None else 0
    mark = f"{dice.randrange(16**4):04x}"
    return [_user(installation, f"{mark}-{number}", number % len(installation.urls)) for number in range(count)]


def _user(installation: Installation, name: str, first: int) -> User:
    urls = installation.urls
    return User(urls[first:] + urls[:first], name, installation.token(name))


async def _play(fault: Fault, load: Load, scene: Scene, longest_s: float) -> None:
    crowd = scene.crowd
    scene.say(f"{load.messages} messages of {len(crowd.users)} users")
    talking = asyncio.create_task(crowd.talk(load))
    try:
        async with asyncio.timeout(longest_s):
            await asyncio.sleep(fault.after_s or 0)
            await fault.harm(scene)
            crowd.stop.set()
            await talking
    except TimeoutError:
        scene.check(False, f"load and harm took longer than {longest_s:g} s")
    finally:
        crowd.stop.set()
        talking.cancel()
        await asyncio.wait([talking])
    await crowd.answered()
