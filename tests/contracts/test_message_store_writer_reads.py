"""What a MessageStore shows to recovery and to the operator, over every adapter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from imcore.chat_record import ReplyStatus
from imcore.clock import utc_now
from imcore.ids import AI_USER_ID
from imcore.message import MessageType
from imcore.ports import Audit, MessageStore, Stored
from tests.contracts.message_stores import (
    LONG_S,
    RUN_OUT_S,
    a_send,
    answer,
    claim,
    delete_message,
    delete_record,
    insert_message,
    outcome,
    send,
    set_updated_at,
)

pytest_plugins = ["tests.contracts.message_stores"]

CLEAN = Audit(0, 0, 0, 0, 0)


async def sent_ago(store: MessageStore, seconds: float, user_id: str) -> Stored:
    then = utc_now() - timedelta(seconds=seconds)
    message, record = a_send(user_id)
    stored = await store.add(replace(message, created_at=then, updated_at=then), replace(record, created_at=then))
    await set_updated_at(store, record.record_id, then)
    return stored


async def test_sessions_are_due_whose_oldest_open_record_waits_for_long(message_store: MessageStore) -> None:
    await sent_ago(message_store, 100, "second")
    await sent_ago(message_store, 200, "first")
    await send(message_store, "fresh")
    assert await message_store.due_sessions(waiting_s=60, limit=10) == ["first", "second"]
    assert await message_store.due_sessions(waiting_s=150, limit=10) == ["first"]
    assert await message_store.due_sessions(waiting_s=60, limit=1) == ["first"]


async def test_a_session_is_due_by_the_stores_clock_whatever_that_of_the_sender_says(message_store: MessageStore) -> None:
    message, record = a_send()
    ahead = utc_now() + timedelta(hours=1)
    stored = await message_store.add(message, replace(record, created_at=ahead, updated_at=ahead))
    assert stored.record == await message_store.record("alice", record.record_id)
    assert stored.record.created_at == ahead
    assert await message_store.due_sessions(waiting_s=-1, limit=10) == ["alice"]
    assert await message_store.due_sessions(waiting_s=60, limit=10) == []


async def test_a_session_is_due_once_however_many_records_wait(message_store: MessageStore) -> None:
    for _ in range(3):
        await sent_ago(message_store, 100, "alice")
    assert await message_store.due_sessions(waiting_s=60, limit=10) == ["alice"]


async def test_a_session_in_which_a_reply_runs_is_not_due(message_store: MessageStore) -> None:
    for _ in range(2):
        await sent_ago(message_store, 100, "alice")
    lease = await claim(message_store)
    assert await message_store.due_sessions(waiting_s=60, limit=10) == []
    await message_store.finish(outcome(lease))
    assert await message_store.due_sessions(waiting_s=60, limit=10) == ["alice"]


async def test_a_session_with_a_lease_that_ran_out_is_due(message_store: MessageStore) -> None:
    await send(message_store)
    await claim(message_store, lease_s=RUN_OUT_S)
    assert await message_store.due_sessions(waiting_s=LONG_S, limit=10) == ["alice"]


async def test_a_session_is_not_due_for_an_old_record_that_is_retried_while_another_runs(message_store: MessageStore) -> None:
    old = await sent_ago(message_store, 100, "alice")
    await message_store.finish(outcome(await claim(message_store), ReplyStatus.FAILED, text=""))
    await sent_ago(message_store, 90, "alice")
    await claim(message_store)
    await message_store.retry("alice", old.record.record_id)
    assert await message_store.due_sessions(waiting_s=0, limit=10) == []


async def test_a_session_without_open_records_is_not_due(message_store: MessageStore) -> None:
    await sent_ago(message_store, 100, "alice")
    await answer(message_store)
    assert await message_store.due_sessions(waiting_s=0, limit=10) == []


async def test_an_audit_of_replies_that_all_ended_is_clean(message_store: MessageStore) -> None:
    for status, text in ((ReplyStatus.SUCCESS, "a"), (ReplyStatus.FAILED, ""), (ReplyStatus.CANCELLED, "b"), (ReplyStatus.CANCELLED, "")):
        await send(message_store)
        await message_store.finish(outcome(await claim(message_store), status, text=text))
    assert await message_store.audit(older_than_s=0) == CLEAN


async def test_an_audit_counts_records_that_have_not_ended_in_time(message_store: MessageStore) -> None:
    await sent_ago(message_store, 100, "alice")
    await sent_ago(message_store, 100, "bob")
    await claim(message_store, "bob")
    assert await message_store.audit(older_than_s=60) == replace(CLEAN, records_not_final=2)
    assert await message_store.audit(older_than_s=200) == CLEAN


async def test_an_audit_counts_messages_without_a_record(message_store: MessageStore) -> None:
    await delete_record(message_store, (await send(message_store)).record.record_id)
    assert await message_store.audit(older_than_s=0) == replace(CLEAN, messages_without_record=1)
    assert await message_store.audit(older_than_s=60) == CLEAN


async def test_an_audit_counts_successes_without_a_reply(message_store: MessageStore) -> None:
    await send(message_store)
    await delete_message(message_store, (await answer(message_store)).message_id)
    assert await message_store.audit(older_than_s=0) == replace(CLEAN, success_without_reply=1)


async def test_an_audit_counts_replies_without_a_record(message_store: MessageStore) -> None:
    message = (await send(message_store)).message
    await answer(message_store)
    stray = replace(message, message_id="stray", from_user_id=AI_USER_ID, msg_type=MessageType.AI_REPLY, seq=99)
    await insert_message(message_store, stray)
    assert await message_store.audit(older_than_s=0) == replace(CLEAN, replies_without_record=1)
