"""MessageStore.claim, renew and release, over every adapter."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from imcore.chat_record import MAX_ATTEMPTS, Lease, ReplyStatus
from imcore.clock import utc_now
from imcore.errors import LeaseLostError
from imcore.ports import MessageStore, Renewal, RunningReply
from tests.contracts.message_stores import LONG_S, RUN_OUT_S, TwoStores, a_send, answer, claim, claim_reply, lease_of, outcome, send

pytest_plugins = ["tests.contracts.message_stores"]

LOST = Renewal(held=frozenset(), cancelled=frozenset())


async def test_a_claim_takes_the_oldest_open_record_and_raises_its_attempt(message_store: MessageStore) -> None:
    first = await send(message_store, text="one")
    await send(message_store, text="two")
    before = utc_now()
    claimed = await claim_reply(message_store)
    record = claimed.record
    assert (record.record_id, record.attempt, record.status) == (first.record.record_id, 1, ReplyStatus.PROCESSING)
    assert record.is_running(before)
    assert await message_store.record("alice", record.record_id) == record
    assert list(claimed.group) == [record]


async def test_nothing_is_claimed_while_the_oldest_one_runs(message_store: MessageStore) -> None:
    await send(message_store)
    await send(message_store)
    await claim(message_store)
    assert await message_store.claim("alice", lease_s=LONG_S) is None


async def test_nothing_is_claimed_where_no_record_is_open(message_store: MessageStore) -> None:
    assert await message_store.claim("alice", lease_s=LONG_S) is None
    await send(message_store)
    await answer(message_store)
    assert await message_store.claim("alice", lease_s=LONG_S) is None


async def test_the_next_record_is_claimed_once_the_one_before_has_ended(message_store: MessageStore) -> None:
    sent = [await send(message_store) for _ in range(3)]
    for stored in sent:
        lease = await claim(message_store)
        assert lease.record_id == stored.record.record_id
        await message_store.finish(outcome(lease))


async def test_of_many_claims_at_once_through_two_stores_one_wins(two_stores: TwoStores) -> None:
    await send(two_stores[0])
    await send(two_stores[0])
    claims = await asyncio.gather(*(two_stores[number % 2].claim("alice", lease_s=LONG_S) for number in range(20)))
    assert sum(claimed is not None for claimed in claims) == 1


async def test_contending_claimers_take_every_record_once_and_in_order(two_stores: TwoStores) -> None:
    sessions = [f"user{number}" for number in range(10)]
    await asyncio.gather(*(send(two_stores[turn % 2], user) for turn in range(8) for user in sessions))
    written: dict[str, list[int]] = defaultdict(list)

    async def claimer(number: int) -> None:
        store = two_stores[number % 2]
        while await store.open_record_count():
            for user in sessions[number % 10 :] + sessions[: number % 10]:
                claimed = await store.claim(user, lease_s=LONG_S)
                if claimed is not None:
                    written[user].append(claimed.record.user_seq)
                    await store.finish(outcome(lease_of(claimed.record)))

    await asyncio.gather(*(claimer(number) for number in range(20)))
    for user in sessions:
        assert len(written[user]) == 8
        assert written[user] == sorted(set(written[user]))
    assert (await two_stores[0].audit(older_than_s=0)).is_clean


async def test_a_lease_that_ran_out_lets_the_record_be_claimed_anew(message_store: MessageStore) -> None:
    await send(message_store)
    dead = await claim(message_store, lease_s=RUN_OUT_S)
    anew = await claim(message_store)
    assert (anew.record_id, anew.attempt) == (dead.record_id, 2)


async def test_a_new_attempt_starts_with_no_text_and_is_told_what_the_last_one_left(message_store: MessageStore) -> None:
    await send(message_store)
    lease = await claim(message_store)
    await message_store.renew([RunningReply(lease, "half a")], lease_s=RUN_OUT_S)
    anew = await claim_reply(message_store)
    assert anew.record.text == "half a"
    assert [record.text for record in await message_store.open_records("alice", "alice")] == [""]


async def test_a_record_can_be_claimed_beyond_its_attempts_to_be_ended(message_store: MessageStore) -> None:
    await send(message_store)
    for _ in range(MAX_ATTEMPTS):
        await claim(message_store, lease_s=RUN_OUT_S)
    last = (await claim_reply(message_store)).record
    assert last.attempt == last.attempt_limit + 1
    assert (await message_store.finish(outcome(lease_of(last), ReplyStatus.FAILED, text=""))).message is None


async def test_an_older_record_that_is_retried_waits_for_the_one_that_runs(message_store: MessageStore) -> None:
    old = await send(message_store)
    await message_store.finish(outcome(await claim(message_store), ReplyStatus.FAILED, text=""))
    await send(message_store)
    young = await claim(message_store)
    await message_store.retry("alice", old.record.record_id)
    assert await message_store.claim("alice", lease_s=LONG_S) is None
    await message_store.finish(outcome(young))
    assert (await claim(message_store)).record_id == old.record.record_id


async def test_a_writer_that_slept_cannot_go_on_beside_the_one_that_was_claimed_meanwhile(message_store: MessageStore) -> None:
    old = await send(message_store)
    await message_store.finish(outcome(await claim(message_store), ReplyStatus.FAILED, text=""))
    await send(message_store)
    asleep = await claim(message_store, lease_s=RUN_OUT_S)
    await message_store.retry("alice", old.record.record_id)
    running = await claim(message_store)
    assert running.record_id == old.record.record_id
    assert await message_store.renew([RunningReply(asleep)], lease_s=LONG_S) == LOST
    with pytest.raises(LeaseLostError):
        await message_store.finish(outcome(asleep))


async def test_a_renewal_extends_the_lease_and_keeps_the_text(message_store: MessageStore) -> None:
    await send(message_store)
    lease = await claim(message_store, lease_s=RUN_OUT_S)
    renewal = await message_store.renew([RunningReply(lease, "so far 👍")], lease_s=LONG_S)
    assert renewal == Renewal(held=frozenset({lease.record_id}), cancelled=frozenset())
    [record] = await message_store.open_records("alice", "alice")
    assert record.text == "so far 👍"
    assert await message_store.claim("alice", lease_s=LONG_S) is None
    await message_store.renew([RunningReply(lease)], lease_s=LONG_S)
    [record] = await message_store.open_records("alice", "alice")
    assert record.text == "so far 👍"


async def test_a_renewal_tells_which_replies_were_asked_to_stop(message_store: MessageStore) -> None:
    leases = []
    for user in ("alice", "bob"):
        await send(message_store, user)
        leases.append(await claim(message_store, user))
    await message_store.cancel("bob", leases[1].record_id)
    renewal = await message_store.renew([RunningReply(lease) for lease in leases], lease_s=LONG_S)
    assert renewal.held == {lease.record_id for lease in leases}
    assert renewal.cancelled == {leases[1].record_id}


async def test_only_leases_that_are_held_are_renewed(message_store: MessageStore) -> None:
    for user in ("alice", "bob", "carol", "dave"):
        await send(message_store, user)
    held = await claim(message_store, "alice")
    stolen = await claim(message_store, "bob", lease_s=RUN_OUT_S)
    thief = await claim(message_store, "bob")
    ended = await claim(message_store, "carol")
    await message_store.finish(outcome(ended))
    given_back = await claim(message_store, "dave")
    await message_store.release(given_back)
    unknown = Lease("00000000-0000-7000-8000-000000000000", "alice", 1)
    running = [RunningReply(lease, "mine") for lease in (held, stolen, ended, given_back, unknown)]
    assert (await message_store.renew(running, lease_s=LONG_S)).held == {held.record_id}
    assert [record.text for record in await message_store.open_records("bob", "bob")] == [""]
    assert (await message_store.renew([RunningReply(thief)], lease_s=LONG_S)).held == {thief.record_id}
    assert (await claim(message_store, "dave")).attempt == 2


async def test_renewing_nothing_answers_nothing(message_store: MessageStore) -> None:
    assert await message_store.renew([], lease_s=LONG_S) == LOST


async def test_a_record_handed_back_waits_as_before_and_has_no_attempt_less(message_store: MessageStore) -> None:
    stored = await send(message_store)
    await message_store.release(await claim(message_store))
    record = await message_store.record("alice", stored.record.record_id)
    assert record is not None
    assert (record.lease_expires_at, record.attempt, record.attempt_limit) == (None, 1, MAX_ATTEMPTS + 1)
    assert (await claim(message_store)).attempt == 2


async def test_handing_back_a_lost_lease_does_nothing(message_store: MessageStore) -> None:
    await send(message_store)
    lost = await claim(message_store, lease_s=RUN_OUT_S)
    await claim(message_store)
    before = await message_store.open_records("alice", "alice")
    await message_store.release(lost)
    assert await message_store.open_records("alice", "alice") == before
    await message_store.release(Lease("00000000-0000-7000-8000-000000000000", "nobody", 1))


async def test_claims_renewals_and_ends_of_many_sessions_at_once_do_not_disturb_each_other(two_stores: TwoStores) -> None:
    async def conversation(number: int) -> None:
        store, other = two_stores[number % 2], two_stores[1 - number % 2]
        for _ in range(3):
            await store.add(*a_send(f"user{number % 7}"))
            claimed = await other.claim(f"user{number % 7}", lease_s=LONG_S)
            if claimed is not None:
                await store.renew([RunningReply(lease_of(claimed.record), "…")], lease_s=LONG_S)
                await other.finish(outcome(lease_of(claimed.record)))

    await asyncio.gather(*(conversation(number) for number in range(20)))
    audit = await two_stores[0].audit(older_than_s=0)
    assert audit.records_not_final == await two_stores[0].open_record_count()
    assert audit.success_without_reply == audit.messages_without_record == audit.replies_without_record == audit.double_replies == 0
