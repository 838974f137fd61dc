"""What MessageStore.finish tells of the session: whether it waits for more, over every adapter."""

from __future__ import annotations

import asyncio

import pytest

from imcore.chat_record import ReplyStatus
from imcore.ports import MessageStore
from tests.contracts.message_stores import TwoStores, claim, claim_reply, lease_of, outcome, send

pytest_plugins = ["tests.contracts.message_stores"]


@pytest.mark.parametrize("status", [ReplyStatus.SUCCESS, ReplyStatus.FAILED, ReplyStatus.CANCELLED])
async def test_an_end_tells_whether_its_session_waits_for_more(message_store: MessageStore, status: ReplyStatus) -> None:
    await send(message_store)
    await send(message_store)
    assert (await message_store.finish(outcome(await claim(message_store), status))).session_waits
    assert not (await message_store.finish(outcome(await claim(message_store), status))).session_waits


async def test_a_session_waits_for_what_was_sent_while_its_reply_ran(message_store: MessageStore) -> None:
    await send(message_store)
    lease = await claim(message_store)
    await send(message_store)
    assert (await message_store.finish(outcome(lease))).session_waits


async def test_a_session_does_not_wait_for_what_was_sent_elsewhere(message_store: MessageStore) -> None:
    await send(message_store)
    await send(message_store, session_id="alice:work")
    await send(message_store, "bob")
    assert not (await message_store.finish(outcome(await claim(message_store)))).session_waits


async def test_a_session_waits_for_an_older_reply_that_is_retried_and_for_one_that_was_handed_back(message_store: MessageStore) -> None:
    old = await send(message_store)
    await message_store.finish(outcome(await claim(message_store), ReplyStatus.FAILED, text=""))
    await send(message_store)
    handed_back = await claim(message_store)
    await message_store.retry("alice", old.record.record_id)
    await message_store.release(handed_back)
    retried = await claim(message_store)
    assert retried.record_id == old.record.record_id
    assert (await message_store.finish(outcome(retried, ReplyStatus.FAILED, text=""))).session_waits
    young = await claim(message_store)
    assert young.record_id == handed_back.record_id
    await message_store.retry("alice", old.record.record_id)
    assert (await message_store.finish(outcome(young))).session_waits


async def test_a_repeated_end_tells_what_the_session_waits_for_by_then(two_stores: TwoStores) -> None:
    await send(two_stores[0])
    end = outcome(await claim(two_stores[0]))
    assert not (await two_stores[0].finish(end)).session_waits
    await send(two_stores[0])
    assert (await two_stores[1].finish(end)).session_waits
    await claim(two_stores[0])
    assert not (await two_stores[1].finish(end)).session_waits


async def test_of_many_ends_at_once_each_tells_of_its_own_session(message_store: MessageStore) -> None:
    users = [f"user{number}" for number in range(20)]
    await asyncio.gather(*(send(message_store, user) for user in users))
    leases = await asyncio.gather(*(claim(message_store, user) for user in users))
    await asyncio.gather(*(send(message_store, user) for user in users[::3]))
    ends = await asyncio.gather(*(message_store.finish(outcome(lease)) for lease in leases))
    assert [user for user, end in zip(users, ends, strict=True) if end.session_waits] == users[::3]


async def test_after_a_shared_reply_a_session_waits_for_what_came_later_only(message_store: MessageStore) -> None:
    await send(message_store)
    await send(message_store)
    shared = lease_of((await claim_reply(message_store, merge=True)).record)
    await send(message_store)
    assert (await message_store.finish(outcome(shared))).session_waits
    alone = lease_of((await claim_reply(message_store, merge=True)).record)
    assert not (await message_store.finish(outcome(alone))).session_waits
