"""MessageStore.finish, over every adapter."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from imcore.chat_record import Lease, ReplyOutcome, ReplyStatus
from imcore.clock import utc_now
from imcore.errors import LeaseLostError, MessageConflictError
from imcore.ids import AI_USER_ID, reply_message_id
from imcore.message import Message, MessageType
from imcore.ports import Audit, Finished, MessageStore
from tests.contracts.message_stores import RUN_OUT_S, TwoStores, a_send, claim, claim_reply, lease_of, outcome, send

pytest_plugins = ["tests.contracts.message_stores"]


async def test_a_success_leaves_the_reply_as_the_next_message_of_the_session(message_store: MessageStore) -> None:
    stored = await send(message_store)
    end = outcome(await claim(message_store), text="hi there")
    reply = (await message_store.finish(end)).message
    assert reply == Message(
        message_id=reply_message_id(stored.record.record_id),
        session_id="alice",
        from_user_id=AI_USER_ID,
        msg_type=MessageType.AI_REPLY,
        msg_content="hi there",
        created_at=end.ended_at,
        updated_at=end.ended_at,
        seq=stored.message.seq + 1,
    )
    assert await message_store.messages("alice", "alice", limit=10) == [stored.message, reply]
    [session] = await message_store.sessions("alice", limit=10)
    assert (session.last_seq, session.updated_at) == (reply.seq, end.ended_at)
    assert (await send(message_store)).message.seq > reply.seq


async def test_the_record_keeps_all_that_the_outcome_tells(message_store: MessageStore) -> None:
    stored = await send(message_store)
    told = {
        "request_content": {"model": "m", "messages": [{"role": "user", "content": "漢字 \x00"}], "n": 1.5, "nested": {"a": None}},
        "response_content": {"text": "hi", "finish_reason": "stop"},
        "model": "m-2026",
        "queue_ms": 12,
        "first_token_ms": 345,
        "duration_ms": 6_000_000_000,
        "prompt_tokens": 7,
        "completion_tokens": 8,
    }
    end = ReplyOutcome(await claim(message_store), ReplyStatus.SUCCESS, "hi", utc_now(), **told)  # type: ignore[arg-type]  # by name
    reply = (await message_store.finish(end)).message
    record = await message_store.record("alice", stored.record.record_id)
    assert reply is not None
    assert record == replace(
        stored.record,
        status=ReplyStatus.SUCCESS,
        attempt=1,
        ai_message_id=reply.message_id,
        updated_at=end.ended_at,
        **told,  # type: ignore[arg-type]  # by name
    )


async def test_a_failure_leaves_no_message(message_store: MessageStore) -> None:
    stored = await send(message_store)
    end = replace(outcome(await claim(message_store), ReplyStatus.FAILED, text="half"), error_code="llm_timeout", error_message="x" * 500)
    assert (await message_store.finish(end)).message is None
    assert await message_store.messages("alice", "alice", limit=10) == [stored.message]
    record = await message_store.record("alice", stored.record.record_id)
    assert record is not None
    assert (record.status, record.ai_message_id, record.lease_expires_at) == (ReplyStatus.FAILED, None, None)
    assert (record.error_code, record.error_message, record.text) == ("llm_timeout", "x" * 500, "half")


@pytest.mark.parametrize(("text", "lines"), [("half a sen", ["hello", "half a sen"]), ("", ["hello"])])
async def test_a_cancelled_reply_leaves_the_text_so_far_if_there_is_any(message_store: MessageStore, text: str, lines: list[str]) -> None:
    stored = await send(message_store)
    reply = (await message_store.finish(outcome(await claim(message_store), ReplyStatus.CANCELLED, text=text))).message
    assert [message.msg_content for message in await message_store.messages("alice", "alice", limit=10)] == lines
    record = await message_store.record("alice", stored.record.record_id)
    assert record is not None
    assert record.status is ReplyStatus.CANCELLED
    assert record.ai_message_id == (reply.message_id if reply else None)


async def test_a_success_without_text_leaves_an_empty_message(message_store: MessageStore) -> None:
    await send(message_store)
    reply = (await message_store.finish(outcome(await claim(message_store), text=""))).message
    assert reply is not None
    assert reply.msg_content == ""


async def test_whoever_lost_the_lease_stores_nothing(message_store: MessageStore) -> None:
    stored = await send(message_store)
    lost = await claim(message_store, lease_s=RUN_OUT_S)
    holder = await claim(message_store)
    with pytest.raises(LeaseLostError):
        await message_store.finish(outcome(lost, text="late"))
    assert await message_store.messages("alice", "alice", limit=10) == [stored.message]
    reply = (await message_store.finish(outcome(holder, text="in time"))).message
    with pytest.raises(LeaseLostError):
        await message_store.finish(outcome(lost, text="later still"))
    assert await message_store.messages("alice", "alice", limit=10) == [stored.message, reply]


async def test_a_record_that_was_handed_back_or_never_was_cannot_be_ended(message_store: MessageStore) -> None:
    await send(message_store)
    lease = await claim(message_store)
    await message_store.release(lease)
    with pytest.raises(LeaseLostError):
        await message_store.finish(outcome(lease))
    with pytest.raises(LeaseLostError):
        await message_store.finish(outcome(Lease("00000000-0000-7000-8000-000000000000", "nobody", 1)))


async def test_a_lease_that_ran_out_unclaimed_still_lets_its_holder_finish(message_store: MessageStore) -> None:
    await send(message_store)
    finished = await message_store.finish(outcome(await claim(message_store, lease_s=RUN_OUT_S)))
    assert finished.message is not None


@pytest.mark.parametrize(("status", "text"), [(ReplyStatus.SUCCESS, "a"), (ReplyStatus.CANCELLED, "b"), (ReplyStatus.FAILED, "")])
async def test_the_holder_may_repeat_the_end_and_gets_what_is_stored(two_stores: TwoStores, status: ReplyStatus, text: str) -> None:
    await send(two_stores[0])
    end = outcome(await claim(two_stores[0]), status, text=text)
    first = await two_stores[0].finish(end)
    assert await two_stores[1].finish(end) == first
    with pytest.raises(LeaseLostError):
        await two_stores[1].finish(replace(end, status=ReplyStatus.SUCCESS if status is ReplyStatus.FAILED else ReplyStatus.FAILED))
    assert len(await two_stores[0].messages("alice", "alice", limit=10)) == (2 if text else 1)


async def test_the_same_end_many_times_at_once_leaves_one_message(two_stores: TwoStores) -> None:
    await send(two_stores[0])
    end = outcome(await claim(two_stores[0]))
    ends = await asyncio.gather(*(two_stores[number % 2].finish(end) for number in range(10)))
    assert ends[0].message is not None
    assert ends == [ends[0]] * 10
    assert len(await two_stores[0].messages("alice", "alice", limit=10)) == 2


async def test_a_late_end_of_the_attempt_before_does_not_end_a_retry(message_store: MessageStore) -> None:
    stored = await send(message_store)
    end = outcome(await claim(message_store), ReplyStatus.FAILED, text="")
    await message_store.finish(end)
    await message_store.retry("alice", stored.record.record_id)
    with pytest.raises(LeaseLostError):
        await message_store.finish(end)
    assert await message_store.open_record_count() == 1


async def test_a_reply_whose_id_a_user_has_taken_can_only_end_without_a_message(message_store: MessageStore) -> None:
    stored = await send(message_store)
    end = outcome(await claim(message_store))
    thief, record = a_send()
    await message_store.add(
        replace(thief, message_id=(taken := reply_message_id(stored.record.record_id))), replace(record, user_message_id=taken)
    )
    with pytest.raises(MessageConflictError):
        await message_store.finish(end)
    await message_store.finish(replace(end, status=ReplyStatus.FAILED))
    assert [message.msg_type for message in await message_store.messages("alice", "alice", limit=10)] == [MessageType.TEXT] * 2


async def test_of_many_ends_at_once_one_that_is_fenced_off_fails_alone(two_stores: TwoStores) -> None:
    users = [f"user{number}" for number in range(20)]
    for user in users:
        await send(two_stores[0], user)
    leases = [await claim(two_stores[0], user, lease_s=RUN_OUT_S) for user in users]
    await claim(two_stores[1], "user7")
    ends = await asyncio.gather(*(two_stores[0].finish(outcome(lease)) for lease in leases), return_exceptions=True)
    assert [place for place, end in enumerate(ends) if not isinstance(end, Finished)] == [7]
    assert isinstance(ends[7], LeaseLostError)


async def test_of_many_ends_at_once_one_whose_id_is_taken_fails_alone(message_store: MessageStore) -> None:
    users = [f"user{number}" for number in range(10)]
    sent = await asyncio.gather(*(send(message_store, user) for user in users))
    taken = reply_message_id(sent[3].record.record_id)
    await message_store.add(*a_send("thief", message_id=taken))
    leases = await asyncio.gather(*(claim(message_store, user) for user in users))
    ends = await asyncio.gather(*(message_store.finish(outcome(lease)) for lease in leases), return_exceptions=True)
    assert [place for place, end in enumerate(ends) if not isinstance(end, Finished)] == [3]
    assert isinstance(ends[3], MessageConflictError)


async def test_ends_of_every_kind_at_once_leave_what_they_would_alone(message_store: MessageStore) -> None:
    users = ("succeeds", "fails", "stopped", "repeats", "lost", "shared", "succeeds too")
    await asyncio.gather(*(send(message_store, user) for user in (*users, "shared", "shared")))
    claims = {user: await claim_reply(message_store, user, lease_s=RUN_OUT_S, merge=True) for user in users}
    await claim(message_store, "lost")
    status = {"fails": ReplyStatus.FAILED, "stopped": ReplyStatus.CANCELLED}
    outcomes = [outcome(lease_of(claims[user].record), status.get(user, ReplyStatus.SUCCESS), text=user) for user in users]
    repeated = await message_store.finish(outcomes[users.index("repeats")])
    ends = await asyncio.gather(*(message_store.finish(end) for end in outcomes), return_exceptions=True)
    assert ends[users.index("repeats")] == repeated
    assert {user: end.message and end.message.msg_content for user, end in zip(users, ends, strict=True) if isinstance(end, Finished)} == {
        user: None if user == "fails" else user for user in users if user != "lost"
    }
    assert isinstance(ends[users.index("lost")], LeaseLostError)
    assert await message_store.audit(older_than_s=0) == replace(Audit(0, 0, 0, 0, 0), records_not_final=1)
