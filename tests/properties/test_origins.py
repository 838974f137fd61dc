"""Deltas go to one process until another asks: as long as nothing is lost, a reader at any of them has all that was told."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from imcore.double_texting import DoubleTexting
from imcore.errors import ReplyInProgressError
from tests.properties.world import USER, World


@given(seed=st.integers(0, 2**32), steps=st.integers(1, 100), double_texting=st.sampled_from(DoubleTexting))
def test_a_reader_at_any_process_has_all_that_was_told(seed: int, steps: int, double_texting: DoubleTexting) -> None:
    asyncio.run(story(seed, steps, double_texting))


async def story(seed: int, steps: int, double_texting: DoubleTexting) -> None:
    world = World(random.Random(seed), double_texting)
    world.is_calm = True
    world.look_s = 0.0  # nothing is asked twice, unless there is a new reason
    world.open()
    await world.reconnect()
    for _ in range(steps):
        await whatever(world)
        if world.die.random() < 0.3:
            pass_all_events(world)
            await check_that_all_is_shown(world)
    await world.close()


async def whatever(world: World) -> None:
    match world.die.randrange(9):
        case 0 | 1:
            with suppress(ReplyInProgressError):
                await world.send(USER, "m")
        case 2:
            await world.reconnect()
        case 3 | 4 | 5:
            await world.step()
        case _:
            pass_an_event(world)


def pass_an_event(world: World) -> None:
    api = world.die.choice(world.apis)
    if api.heard:
        api.deliver(*api.heard.pop(0))


def pass_all_events(world: World) -> None:
    """Until nothing is on its way: what one hears may make it ask, and be answered."""
    while any(api.heard for api in world.apis):
        pass_an_event(world)


async def check_that_all_is_shown(world: World) -> None:
    """Or more: whoever resumes may know of an attempt before it is told of. Deltas are told of the record that leads a merged reply."""
    for record_id, (attempt, text) in world.bus.told.replies.items():
        record = await world.store.record(USER, record_id)
        shown_attempt, shown = world.screen.replies.get(record_id, (0, ""))
        if text and record.answered_by == record_id:
            assert shown_attempt > attempt or (shown_attempt == attempt and shown.startswith(text)), f"{shown!r} is not {text!r}"
