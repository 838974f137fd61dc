"""MessageStore.add with every mode of double texting, and claims that merge, over every adapter."""

from __future__ import annotations

import asyncio

import pytest

from imcore.chat_record import MAX_MERGED, ChatRecord, ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.errors import IMError, LeaseLostError, MessageConflictError, NotRetryableError, RateLimitedError, ReplyInProgressError
from imcore.events import ReplyCancelled
from imcore.ids import reply_message_id
from imcore.ports import Audit, MessageStore, RunningReply, Stored
from tests.contracts.message_stores import LONG_S, RUN_OUT_S, TwoStores, a_send, answer, claim, claim_reply, lease_of, outcome, send

pytest_plugins = ["tests.contracts.message_stores"]

CLEAN = Audit(0, 0, 0, 0, 0)


async def record_of(store: MessageStore, stored: Stored) -> ChatRecord:
    record = await store.record("alice", stored.record.record_id)
    assert record is not None
    return record


async def texts(store: MessageStore) -> list[str]:
    return [line.msg_content for line in await store.messages("alice", "alice", limit=100)]


@pytest.mark.parametrize("mode", DoubleTexting)
async def test_a_send_into_a_session_that_waits_for_nothing_is_stored_in_every_mode(
    message_store: MessageStore, mode: DoubleTexting
) -> None:
    first = await message_store.add(*a_send(), double_texting=mode)
    await answer(message_store)
    second = await message_store.add(*a_send(), double_texting=mode)
    elsewhere = await message_store.add(*a_send(session_id="alice:work"), double_texting=mode)
    assert [(one.stopped, one.cancelled) for one in (first, second, elsewhere)] == [((), ())] * 3
    assert (await record_of(message_store, second)).is_open


@pytest.mark.parametrize("mode", [DoubleTexting.QUEUE, DoubleTexting.MERGE])
async def test_queueing_and_merging_leave_open_records_alone(message_store: MessageStore, mode: DoubleTexting) -> None:
    first = await send(message_store)
    await claim(message_store)
    before = await record_of(message_store, first)
    second = await message_store.add(*a_send(), double_texting=mode)
    assert await message_store.open_records("alice", "alice") == [before, second.record]


# reject


@pytest.mark.parametrize("state", ["waiting", "running", "run out"])
async def test_a_send_is_rejected_while_the_session_waits_for_a_reply(message_store: MessageStore, state: str) -> None:
    first = await send(message_store, text="one")
    if state != "waiting":
        await claim(message_store, lease_s=LONG_S if state == "running" else RUN_OUT_S)
    message, record = a_send(text="two")
    with pytest.raises(ReplyInProgressError):
        await message_store.add(message, record, double_texting=DoubleTexting.REJECT)
    assert await texts(message_store) == ["one"]
    assert await message_store.record("alice", record.record_id) is None
    assert (await record_of(message_store, first)).is_open


async def test_a_repetition_is_answered_and_a_taken_id_refused_before_anything_is_rejected(message_store: MessageStore) -> None:
    message, record = a_send(message_id="m")
    first = await message_store.add(message, record, double_texting=DoubleTexting.REJECT)
    again = await message_store.add(message, record, double_texting=DoubleTexting.REJECT)
    assert (again.message, again.duplicate) == (first.message, True)
    with pytest.raises(MessageConflictError):
        await message_store.add(*a_send(message_id="m", text="other"), double_texting=DoubleTexting.REJECT)


@pytest.mark.parametrize("is_new", [True, False])
async def test_of_many_sends_at_once_through_two_stores_one_is_not_rejected(two_stores: TwoStores, is_new: bool) -> None:
    if not is_new:
        await send(two_stores[0])
        await answer(two_stores[0])
    sends = [two_stores[number % 2].add(*a_send(), double_texting=DoubleTexting.REJECT) for number in range(20)]
    answers = await asyncio.gather(*sends, return_exceptions=True)
    assert sum(isinstance(one, Stored) for one in answers) == 1
    assert [type(one) for one in answers if isinstance(one, IMError)] == [ReplyInProgressError] * 19
    assert await two_stores[0].open_record_count() == 1


# interrupt


async def interrupt(store: MessageStore, **options: int) -> Stored:
    return await store.add(*a_send(text="new"), double_texting=DoubleTexting.INTERRUPT, **options)


async def test_an_interruption_cancels_what_waits_at_once(message_store: MessageStore) -> None:
    waiting = [await send(message_store), await send(message_store)]
    new = await interrupt(message_store)
    assert new.stopped == ()
    assert list(new.cancelled) == [ReplyCancelled(one.record.record_id, 0, None) for one in waiting]
    assert [(await record_of(message_store, one)).status for one in waiting] == [ReplyStatus.CANCELLED] * 2
    assert (await claim(message_store)).record_id == new.record.record_id


async def test_an_interruption_asks_what_runs_to_stop_and_is_written_next(message_store: MessageStore) -> None:
    running = await send(message_store, text="old")
    lease = await claim(message_store)
    waiting = await send(message_store, text="waiting")
    new = await interrupt(message_store)
    assert new.stopped == (lease.record_id,)
    assert [end.record_id for end in new.cancelled] == [waiting.record.record_id]
    assert (await record_of(message_store, running)).cancel_requested
    assert (await message_store.renew([RunningReply(lease)], lease_s=LONG_S)).cancelled == {lease.record_id}
    await message_store.finish(outcome(lease, ReplyStatus.CANCELLED, text="half"))
    following = await claim_reply(message_store)
    assert following.record.record_id == new.record.record_id
    assert [line.msg_content for line in following.window] == ["old", "half", "waiting", "new"]


async def test_an_interruption_ends_a_reply_whose_writer_died_and_keeps_its_text(message_store: MessageStore) -> None:
    await send(message_store, text="old")
    lease = await claim(message_store)
    await message_store.renew([RunningReply(lease, "half a sen")], lease_s=RUN_OUT_S)
    new = await interrupt(message_store)
    [end] = new.cancelled
    assert end.message is not None
    assert (end.message.message_id, end.message.msg_content) == (reply_message_id(lease.record_id), "half a sen")
    assert await texts(message_store) == ["old", "half a sen", "new"]
    assert await message_store.message("alice", end.message.message_id) == end.message
    with pytest.raises(LeaseLostError):
        await message_store.finish(outcome(lease))


async def test_an_interruption_that_is_repeated_interrupts_nothing(message_store: MessageStore) -> None:
    message, record = a_send()
    await message_store.add(message, record, double_texting=DoubleTexting.INTERRUPT)
    again = await message_store.add(message, record, double_texting=DoubleTexting.INTERRUPT)
    assert (again.duplicate, again.stopped, again.cancelled) == (True, (), ())
    assert again.record.is_open


async def test_of_many_interruptions_at_once_through_two_stores_the_last_is_answered(two_stores: TwoStores) -> None:
    await send(two_stores[0])
    lease = await claim(two_stores[0])
    stored = await asyncio.gather(*(interrupt(two_stores[number % 2]) for number in range(20)))
    newest = max(stored, key=lambda one: one.message.seq)
    assert [one.record_id for one in await two_stores[1].open_records("alice", "alice")] == [lease.record_id, newest.record.record_id]
    assert sorted(end.record_id for one in stored for end in one.cancelled) == sorted(
        one.record.record_id for one in stored if one is not newest
    )


async def test_what_is_interrupted_does_not_count_as_still_to_come(message_store: MessageStore) -> None:
    await message_store.add(*a_send(session_id="alice:other"))
    await send(message_store)
    await interrupt(message_store, max_pending=2)
    with pytest.raises(RateLimitedError):
        await message_store.add(*a_send(session_id="alice:third"), max_pending=2, double_texting=DoubleTexting.INTERRUPT)


async def test_who_is_refused_interrupts_nothing(message_store: MessageStore) -> None:
    first = await send(message_store)
    await message_store.add(*a_send(session_id="alice:other"))
    with pytest.raises(RateLimitedError):
        await interrupt(message_store, max_pending=1)
    assert await record_of(message_store, first) == first.record


# merge


async def merged(store: MessageStore, count: int = 3) -> tuple[ChatRecord, list[Stored]]:
    """The claimed leader, and the sends that share its reply."""
    sent = [await send(store, text=f"m{number}") for number in range(1, count + 1)]
    return (await claim_reply(store, merge=True)).record, sent


async def group(store: MessageStore, sent: list[Stored]) -> list[ChatRecord]:
    return [await record_of(store, one) for one in sent]


async def test_a_claim_merges_what_nobody_has_begun_into_the_oldest(message_store: MessageStore) -> None:
    leader, sent = await merged(message_store)
    assert leader.record_id == sent[0].record.record_id
    records = await group(message_store, sent)
    assert [record.merged_into for record in records] == [None, leader.record_id, leader.record_id]
    assert [record.attempt for record in records] == [1, 1, 1]
    assert records[0] == leader
    assert [record.lease_expires_at for record in records[1:]] == [None, None]
    assert await message_store.group_of(leader) == await message_store.group_of(records[2]) == records


async def test_one_that_is_alone_is_its_own_group(message_store: MessageStore) -> None:
    leader, sent = await merged(message_store, count=1)
    assert leader.leader_id is None
    assert await message_store.group_of(leader) == [leader]
    assert await group(message_store, sent) == [leader]


async def test_without_merging_every_record_is_claimed_alone(message_store: MessageStore) -> None:
    first = await send(message_store)
    second = await send(message_store)
    await claim(message_store)
    assert [record.leader_id for record in await group(message_store, [first, second])] == [None, None]


async def test_what_comes_later_waits_for_the_next_reply(message_store: MessageStore) -> None:
    leader, sent = await merged(message_store)
    later = [await send(message_store, text="m4"), await send(message_store, text="m5")]
    assert await message_store.claim("alice", lease_s=LONG_S, merge=True) is None
    assert (await message_store.finish(outcome(lease_of(leader)))).session_waits
    following = await claim_reply(message_store, merge=True)
    assert following.record.record_id == later[0].record.record_id
    assert list(following.group) == await message_store.group_of(following.record) == await group(message_store, later)
    assert [record.status for record in await group(message_store, sent)] == [ReplyStatus.SUCCESS] * 3


@pytest.mark.parametrize("status", [ReplyStatus.SUCCESS, ReplyStatus.FAILED, ReplyStatus.CANCELLED])
async def test_all_that_share_a_reply_end_with_it(message_store: MessageStore, status: ReplyStatus) -> None:
    leader, sent = await merged(message_store)
    finished = await message_store.finish(outcome(lease_of(leader), status))
    reply = finished.message
    assert not finished.session_waits
    records = await group(message_store, sent)
    assert {(one.status, one.ai_message_id, one.error_code, one.attempt) for one in records} == {
        (status, reply.message_id if reply else None, None, 1)
    }
    assert await message_store.open_record_count() == 0
    assert await message_store.claim("alice", lease_s=LONG_S) is None
    assert await message_store.audit(older_than_s=0) == CLEAN
    assert len(await texts(message_store)) == (3 if reply is None else 4)


@pytest.mark.parametrize("merge", [True, False])
async def test_a_group_whose_writer_died_is_claimed_as_it_was(message_store: MessageStore, merge: bool) -> None:
    leader, sent = await merged(message_store)
    await message_store.renew([RunningReply(lease_of(leader), "half")], lease_s=RUN_OUT_S)
    late = await send(message_store, text="late")
    anew = await claim_reply(message_store, merge=merge)
    assert (anew.record.record_id, anew.record.attempt, anew.record.text) == (leader.record_id, 2, "half")
    records = await group(message_store, sent)
    assert await message_store.group_of(anew.record) == records
    assert list(anew.group) == [anew.record, *records[1:]]
    assert [record.attempt for record in records] == [2, 2, 2]
    assert (await record_of(message_store, late)).leader_id is None
    with pytest.raises(LeaseLostError):
        await message_store.finish(outcome(lease_of(leader)))


async def test_one_that_was_begun_before_is_merged_with_nothing(message_store: MessageStore) -> None:
    begun = await send(message_store)
    await message_store.release(await claim(message_store))
    await send(message_store)
    anew = (await claim_reply(message_store, merge=True)).record
    assert (anew.record_id, anew.leader_id) == (begun.record.record_id, None)


@pytest.mark.parametrize("number", [0, 2])
async def test_cancelling_any_of_a_group_asks_the_one_writer_to_stop(message_store: MessageStore, number: int) -> None:
    leader, sent = await merged(message_store)
    record = await message_store.cancel("alice", sent[number].record.record_id)
    assert record is not None
    assert (record.record_id, record.is_open, record.cancel_requested) == (sent[number].record.record_id, True, True)
    renewal = await message_store.renew([RunningReply(lease_of(leader))], lease_s=LONG_S)
    assert renewal.cancelled == {leader.record_id}
    assert all(one.cancel_requested for one in await group(message_store, sent))


async def test_cancelling_any_of_a_group_that_nobody_writes_ends_all_of_it(message_store: MessageStore) -> None:
    leader, sent = await merged(message_store)
    await message_store.renew([RunningReply(lease_of(leader), "half")], lease_s=RUN_OUT_S)
    record = await message_store.cancel("alice", sent[1].record.record_id)
    records = await group(message_store, sent)
    assert record == records[1]
    assert {(one.status, one.ai_message_id) for one in records} == {(ReplyStatus.CANCELLED, reply_message_id(leader.record_id))}
    assert await texts(message_store) == ["m1", "m2", "m3", "half"]


async def test_an_interruption_stops_a_group_like_one_reply(message_store: MessageStore) -> None:
    leader, sent = await merged(message_store)
    new = await interrupt(message_store)
    assert (new.stopped, new.cancelled) == ((leader.record_id,), ())
    await message_store.renew([RunningReply(lease_of(leader), "half")], lease_s=RUN_OUT_S)
    newer = await interrupt(message_store)
    assert [end.record_id for end in newer.cancelled] == [one.record.record_id for one in (*sent, new)]
    assert await texts(message_store) == ["m1", "m2", "m3", "new", "half", "new"]


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("status", [ReplyStatus.FAILED, ReplyStatus.CANCELLED])
async def test_retrying_any_of_a_group_has_all_of_it_answered_anew(message_store: MessageStore, status: ReplyStatus, number: int) -> None:
    leader, sent = await merged(message_store)
    await message_store.finish(outcome(lease_of(leader), status, text="half"))
    record = await message_store.retry("alice", sent[number].record.record_id)
    assert record == await record_of(message_store, sent[number])
    assert {one.attempt for one in await group(message_store, sent)} == {2}
    assert await texts(message_store) == ["m1", "m2", "m3"]
    await send(message_store, text="late")
    anew = await claim_reply(message_store, merge=True)
    assert (anew.record.record_id, anew.record.attempt) == (leader.record_id, 3)
    assert list(anew.group) == await group(message_store, sent)
    reply = (await message_store.finish(outcome(lease_of(anew.record)))).message
    assert reply is not None
    assert {(one.status, one.ai_message_id, one.attempt) for one in await group(message_store, sent)} == {
        (ReplyStatus.SUCCESS, reply.message_id, 3)
    }
    with pytest.raises(NotRetryableError):
        await message_store.retry("alice", sent[number].record.record_id)


async def test_a_reply_answers_no_more_messages_than_fit_into_its_prompt(message_store: MessageStore) -> None:
    leader, sent = await merged(message_store, count=MAX_MERGED + 1)
    assert await message_store.group_of(leader) == await group(message_store, sent[:-1])


async def test_contending_claimers_merge_and_answer_every_message_once_and_in_order(two_stores: TwoStores) -> None:
    async def sender() -> list[Stored]:
        return [await send(two_stores[number % 2]) for number in range(30)]

    async def writer(number: int, sending: asyncio.Task[list[Stored]]) -> None:
        store = two_stores[number % 2]
        while not sending.done() or await store.open_record_count():
            claimed = await store.claim("alice", lease_s=LONG_S, merge=True)
            if claimed is not None:
                await store.finish(outcome(lease_of(claimed.record)))

    sending = asyncio.create_task(sender())
    await asyncio.gather(*(writer(number, sending) for number in range(6)))
    sent = await sending
    records = await group(two_stores[0], sent)
    assert all(record.status is ReplyStatus.SUCCESS for record in records)
    leaders = [record.answered_by for record in records]
    assert leaders == sorted(leaders, key=[record.record_id for record in records].index)
    assert len(await texts(two_stores[0])) == len(sent) + len(set(leaders))
    assert await two_stores[0].audit(older_than_s=0) == CLEAN
