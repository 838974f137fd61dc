"""MessageStore.cancel and retry, in every state of a record, over every adapter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imcore.chat_record import MAX_ATTEMPTS, ChatRecord, ReplyStatus
from imcore.errors import LeaseLostError, NotRetryableError, RateLimitedError
from imcore.ids import AI_USER_ID
from imcore.ports import MessageStore, RunningReply
from tests.contracts.message_stores import LONG_S, RUN_OUT_S, answer, claim, outcome, send

pytest_plugins = ["tests.contracts.message_stores"]


async def cancel(store: MessageStore, record_id: str) -> ChatRecord:
    record = await store.cancel("alice", record_id)
    assert record is not None
    assert await store.record("alice", record_id) == record
    return record


async def retry(store: MessageStore, record_id: str) -> ChatRecord:
    record = await store.retry("alice", record_id)
    assert record is not None
    assert await store.record("alice", record_id) == record
    return record


async def test_cancelling_a_reply_that_waits_ends_it_at_once(message_store: MessageStore) -> None:
    stored = await send(message_store)
    record = await cancel(message_store, stored.record.record_id)
    assert (record.status, record.ai_message_id) == (ReplyStatus.CANCELLED, None)
    assert await message_store.claim("alice", lease_s=LONG_S) is None
    assert await message_store.messages("alice", "alice", limit=10) == [stored.message]


async def test_cancelling_a_reply_that_runs_asks_its_writer_to_stop(message_store: MessageStore) -> None:
    await send(message_store)
    lease = await claim(message_store)
    record = await cancel(message_store, lease.record_id)
    assert (record.status, record.cancel_requested) == (ReplyStatus.PROCESSING, True)
    assert await cancel(message_store, lease.record_id) == record
    assert (await message_store.finish(outcome(lease, ReplyStatus.CANCELLED, text="half"))).message is not None


async def test_cancelling_a_reply_whose_writer_died_keeps_its_text_as_a_message(message_store: MessageStore) -> None:
    stored = await send(message_store)
    lease = await claim(message_store)
    await message_store.renew([RunningReply(lease, "half a sen")], lease_s=RUN_OUT_S)
    record = await cancel(message_store, lease.record_id)
    assert (record.status, record.lease_expires_at) == (ReplyStatus.CANCELLED, None)
    question, reply = await message_store.messages("alice", "alice", limit=10)
    assert question == stored.message
    assert (reply.message_id, reply.msg_content, reply.from_user_id) == (record.ai_message_id, "half a sen", AI_USER_ID)
    with pytest.raises(LeaseLostError):
        await message_store.finish(outcome(lease, text="half a sentence"))


async def test_cancelling_a_reply_that_was_handed_back_keeps_its_text_as_a_message(message_store: MessageStore) -> None:
    await send(message_store)
    lease = await claim(message_store)
    await message_store.renew([RunningReply(lease, "half a sen")], lease_s=LONG_S)
    await message_store.release(lease)
    assert (await cancel(message_store, lease.record_id)).status is ReplyStatus.CANCELLED
    assert [line.msg_content for line in await message_store.messages("alice", "alice", limit=10)] == ["hello", "half a sen"]


@pytest.mark.parametrize("status", [ReplyStatus.SUCCESS, ReplyStatus.FAILED, ReplyStatus.CANCELLED])
async def test_cancelling_a_reply_that_has_ended_changes_nothing(message_store: MessageStore, status: ReplyStatus) -> None:
    stored = await send(message_store)
    await message_store.finish(outcome(await claim(message_store), status))
    before = await message_store.record("alice", stored.record.record_id)
    assert await cancel(message_store, stored.record.record_id) == before


async def test_nobody_moves_the_reply_of_another_user(message_store: MessageStore) -> None:
    stored = await send(message_store)
    assert await message_store.cancel("bob", stored.record.record_id) is None
    assert await message_store.retry("bob", stored.record.record_id) is None
    assert await message_store.cancel("alice", "no such record") is None
    assert await message_store.retry("alice", "no such record") is None
    assert await message_store.record("alice", stored.record.record_id) == stored.record


async def test_a_failed_reply_that_is_retried_waits_anew(message_store: MessageStore) -> None:
    stored = await send(message_store)
    failed = replace(
        outcome(await claim(message_store), ReplyStatus.FAILED, text="half"),
        request_content={"model": "m"},
        model="m",
        queue_ms=1,
        first_token_ms=2,
        duration_ms=3,
        prompt_tokens=4,
        completion_tokens=5,
        error_code="llm_timeout",
        error_message="slow",
    )
    await message_store.finish(failed)
    record = await retry(message_store, stored.record.record_id)
    assert record == replace(stored.record, attempt=2, attempt_limit=2 + MAX_ATTEMPTS, updated_at=record.updated_at)
    assert (await claim(message_store)).attempt == 3


async def test_a_retry_that_is_cancelled_before_it_is_claimed_ends_as_an_attempt_of_its_own(message_store: MessageStore) -> None:
    stored = await send(message_store)
    ended = await cancel(message_store, stored.record.record_id)
    for _ in range(2):
        waiting = await retry(message_store, stored.record.record_id)
        again = await cancel(message_store, stored.record.record_id)
        assert (again.status, again.attempt) == (ReplyStatus.CANCELLED, waiting.attempt)
        assert again.attempt > ended.attempt
        ended = again


async def test_a_retried_reply_has_all_its_attempts_anew(message_store: MessageStore) -> None:
    stored = await send(message_store)
    await message_store.finish(outcome(await claim(message_store), ReplyStatus.FAILED))
    record = await retry(message_store, stored.record.record_id)
    attempts = [(await claim(message_store, lease_s=RUN_OUT_S)).attempt for _ in range(MAX_ATTEMPTS + 1)]
    assert [attempt <= record.attempt_limit for attempt in attempts] == [True] * MAX_ATTEMPTS + [False]


async def test_a_retry_counts_as_a_reply_that_is_waited_for(message_store: MessageStore) -> None:
    stored = await send(message_store)
    cancelled = await cancel(message_store, stored.record.record_id)
    await send(message_store, session_id="alice:other")
    await send(message_store, "bob")
    with pytest.raises(RateLimitedError):
        await message_store.retry("alice", cancelled.record_id, max_pending=1)
    assert await message_store.record("alice", cancelled.record_id) == cancelled
    assert await message_store.retry("bob", cancelled.record_id, max_pending=0) is None
    record = await message_store.retry("alice", cancelled.record_id, max_pending=2)
    assert record is not None
    assert record.is_open
    assert await message_store.retry("alice", cancelled.record_id, max_pending=1) == record


async def test_a_retry_takes_back_the_message_that_a_cancelled_reply_left(message_store: MessageStore) -> None:
    stored = await send(message_store)
    await message_store.finish(outcome(await claim(message_store), ReplyStatus.CANCELLED, text="half"))
    await retry(message_store, stored.record.record_id)
    assert await message_store.messages("alice", "alice", limit=10) == [stored.message]
    reply = await answer(message_store, text="whole")
    assert await message_store.messages("alice", "alice", limit=10) == [stored.message, reply]


async def test_a_retry_forgets_that_a_cancel_was_asked_for(message_store: MessageStore) -> None:
    await send(message_store)
    lease = await claim(message_store)
    await message_store.cancel("alice", lease.record_id)
    await message_store.finish(outcome(lease, ReplyStatus.CANCELLED, text=""))
    assert not (await retry(message_store, lease.record_id)).cancel_requested


async def test_a_reply_that_is_open_stays_as_it_is_when_retried(message_store: MessageStore) -> None:
    stored = await send(message_store)
    assert await retry(message_store, stored.record.record_id) == stored.record
    await claim(message_store)
    running = await message_store.record("alice", stored.record.record_id)
    assert await retry(message_store, stored.record.record_id) == running


async def test_a_reply_that_succeeded_cannot_be_retried(message_store: MessageStore) -> None:
    stored = await send(message_store)
    reply = await answer(message_store)
    with pytest.raises(NotRetryableError):
        await message_store.retry("alice", stored.record.record_id)
    assert await message_store.message("alice", reply.message_id) == reply
