"""Cut anywhere, with events lost, repeated and reordered: what is shown is a beginning of what is stored, and in the end all of it."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from imcore.chat_record import ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.errors import ReplyInProgressError
from imcore.message import MessageType
from tests.properties.world import USER, World


@given(seed=st.integers(0, 2**32), steps=st.integers(1, 100), double_texting=st.sampled_from(DoubleTexting))
def test_the_client_ends_up_with_exactly_what_is_stored(seed: int, steps: int, double_texting: DoubleTexting) -> None:
    asyncio.run(story(seed, steps, double_texting))


async def story(seed: int, steps: int, double_texting: DoubleTexting) -> None:
    world = World(random.Random(seed), double_texting)  # not hypothesis' own die: many tasks throw it, and they may catch what it raises
    world.open()
    await world.reconnect()
    records: list[str] = []
    for _ in range(steps):
        await trouble(world, records)
    await calm(world, records)
    await compare(world, records)
    await world.close()


async def trouble(world: World, records: list[str]) -> None:
    match world.die.randrange(12):
        case 0 | 1 if len(records) < 5:
            with suppress(ReplyInProgressError):
                records.append((await world.send(USER, f"m{len(records)}")).record.record_id)
        case 2:
            await world.reconnect()
        case 3 if world.die.random() < 0.3:
            await world.run_out()
        case 4:
            await world.sweep()
        case 5 if records and world.die.random() < 0.3:
            await world.cancel(USER, world.die.choice(records))
        case 6 | 7 | 8:
            await world.step()
        case _:
            await world.pass_event()


async def calm(world: World, records: list[str]) -> None:
    """No more trouble: all replies come to their end, the API processes hear that they missed something."""
    world.is_calm = True
    for _ in range(200):
        await world.run_out()
        for _ in range(50):
            await asyncio.sleep(0)
        if all([(await world.store.record(USER, record_id)).status for record_id in records]):
            break
    for api in world.apis:
        api.heard.clear()
        await api.catch_up.after_gap()


async def compare(world: World, records: list[str]) -> None:
    stored = {message.message_id: message for message in await world.store.messages(USER, USER, limit=200)}
    shown = world.screen.messages
    for record_id in records:
        record = await world.store.record(USER, record_id)
        assert record.status is not ReplyStatus.PROCESSING
        assert record_id not in world.screen.replies, f"{record} still seems to run"
        if record.ai_message_id is not None:
            assert shown[record.ai_message_id] == stored[record.ai_message_id].msg_content
    for message_id, text in shown.items():
        assert stored[message_id].msg_content == text
    replies = [message for message in stored.values() if message.msg_type is MessageType.AI_REPLY]
    assert len(replies) == len({message.msg_content.split(".")[0] for message in replies if message.msg_content}) + sum(
        not message.msg_content for message in replies
    )
