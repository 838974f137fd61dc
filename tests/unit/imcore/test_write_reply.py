import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from imcore.cancel_reply import CancelReply
from imcore.chat_record import ReplyStatus
from imcore.draft import Draft, Halt
from imcore.errors import LLMStreamCutError, StoreUnavailableError
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyFailed, ReplyStarted
from imcore.ids import reply_message_id
from imcore.message import Message
from imcore.retry_reply import RetryReply


async def claimed(core) -> tuple[Draft, Sequence[Message]]:
    claimed = await core.store.claim("alice", lease_s=10)
    return Draft(claimed.record, claimed.group), claimed.window


@pytest.fixture
async def sent(core):
    core.deaf()
    return await core.send("alice", "hi")


async def test_a_reply_is_streamed_in_order_then_stored_then_told(core, sent):
    core.llm.says("Hel", "lo")
    await core.write(*await claimed(core))
    record_id, reply_id = sent.record.record_id, reply_message_id(sent.record.record_id)
    started, first, second, completed = core.events
    assert started == ReplyStarted(record_id, 1, "alice", sent.message.message_id, reply_id)
    assert (first, second) == (ReplyDelta(record_id, 1, 0, "Hel"), ReplyDelta(record_id, 1, 3, "lo"))
    assert isinstance(completed, ReplyCompleted)
    assert completed.message == await core.store.message("alice", reply_id)
    assert completed.message.msg_content == "Hello"


async def test_the_record_keeps_the_request_the_answer_the_times_and_the_tokens(core, sent):
    core.llm.says("Hello")
    await core.write(*await claimed(core))
    record = await core.record(sent)
    assert record.status is ReplyStatus.SUCCESS
    assert record.request_content == {"model": "scripted", "messages": ["hi"]}
    assert record.response_content == {"text": "Hello", "finish_reason": "stop", "model": "scripted"}
    assert (record.model, record.prompt_tokens, record.completion_tokens) == ("scripted", 7, 3)
    assert None not in (record.queue_ms, record.first_token_ms, record.duration_ms)


async def test_a_model_that_fails_ends_the_record_with_its_code_and_no_message(core, sent):
    core.llm.says("par", finish=False)
    core.llm.pieces.put_nowait(LLMStreamCutError("cut"))
    await core.write(*await claimed(core))
    record = await core.record(sent)
    assert (record.status, record.error_code, record.error_message) == (ReplyStatus.FAILED, "llm_stream_cut", "cut")
    assert record.text == "par"
    assert record.ai_message_id is None
    failed = core.events[-1]
    assert isinstance(failed, ReplyFailed)
    assert failed.error.retryable
    assert len(await core.store.messages("alice", "alice", limit=9)) == 1


async def test_a_defect_in_the_model_client_ends_the_record_too(core, sent):
    core.llm.pieces.put_nowait(ZeroDivisionError())
    await core.write(*await claimed(core))
    assert (await core.record(sent)).error_code == "internal_error"


async def test_a_stop_in_the_middle_keeps_the_text_so_far_and_closes_the_model(core, sent):
    core.writers.open()
    core.queue.listen(core.writers.offer)
    core.queue.enqueue(["alice"])
    core.llm.says("so far", finish=False)
    await core.until(lambda: any(isinstance(event, ReplyDelta) for event in core.events))
    cancel = CancelReply(core.store, core.queue, core.notifier)
    await cancel("alice", sent.record.record_id)
    (cancelled,) = await core.ends()
    assert isinstance(cancelled, ReplyCancelled)
    assert cancelled.message.msg_content == "so far"
    assert core.llm.closed == 1
    assert (await cancel("alice", sent.record.record_id)).status is ReplyStatus.CANCELLED


async def test_a_stop_before_the_beginning_never_asks_the_model(core, sent):
    await CancelReply(core.store, core.queue, core.notifier)("alice", sent.record.record_id)
    assert [type(event) for event in core.events] == [ReplyCancelled]
    assert await core.store.claim("alice", lease_s=10) is None
    assert core.llm.prompts == []


async def test_a_writer_that_lost_its_lease_stores_and_tells_nothing(core, sent):
    zombie = await claimed(core)
    core.now(timedelta(seconds=11))
    heir = await claimed(core)
    core.llm.says("heir")
    await core.write(*heir)
    core.events.clear()
    core.llm.says("zombie")
    await core.send("alice", "next")
    assert not await core.write(*zombie)
    assert core.ended == []
    assert core.meter.counts["left"] == 1
    assert [message.msg_content for message in await core.store.messages("alice", "alice", limit=9)] == ["hi", "heir", "next"]
    assert (await core.record(sent)).attempt == 2


async def test_a_reply_that_crashed_its_writers_too_often_is_given_up(core, sent):
    for _ in range(3):
        await claimed(core)
        core.now(timedelta(seconds=11))
    await core.write(*await claimed(core))
    assert (await core.record(sent)).error_code == "attempts_exhausted"
    assert core.llm.prompts == []


async def test_a_written_reply_waits_for_a_database_that_comes_back(core, sent, monkeypatch):
    finish, failures = core.store.finish, [StoreUnavailableError("away")] * 2

    async def finish_later(outcome):
        if failures:
            raise failures.pop()
        return await finish(outcome)

    monkeypatch.setattr(core.store, "finish", finish_later)
    core.llm.says("Hello")
    await core.write(*await claimed(core))
    assert (await core.record(sent)).status is ReplyStatus.SUCCESS


async def test_a_database_that_stays_away_leaves_the_record_to_recovery(core, sent, monkeypatch):
    async def away(_outcome):
        raise StoreUnavailableError("away")

    monkeypatch.setattr(core.store, "finish", away)
    core.llm.says("Hello")
    await core.write(*await claimed(core))
    assert (await core.record(sent)).is_open
    assert core.ended == []


async def test_a_retried_reply_is_a_further_attempt_of_the_same_record(core, sent):
    core.llm.pieces.put_nowait(LLMStreamCutError("cut"))
    await core.write(*await claimed(core))
    await RetryReply(core.store, core.queue)("alice", sent.record.record_id)
    core.llm.says("better")
    await core.write(*await claimed(core))
    record = await core.record(sent)
    assert (record.status, record.attempt, record.error_code) == (ReplyStatus.SUCCESS, 3, None)


@pytest.mark.usefixtures("sent")
async def test_an_end_tells_whether_the_session_waits_for_more(core):
    await core.send("alice", "next")
    for text in ("one", "two"):
        core.llm.says(text)
    assert await core.write(*await claimed(core))
    assert not await core.write(*await claimed(core))


@pytest.mark.usefixtures("sent")
async def test_a_reply_that_is_handed_back_leaves_its_session_to_others(core):
    draft, window = await claimed(core)
    await core.send("alice", "next")
    draft.halt(Halt.SHUTDOWN)
    assert not await core.write(draft, window)
    assert core.llm.prompts == []


@pytest.mark.usefixtures("sent")
async def test_a_cancellation_of_the_whole_task_goes_on_to_the_caller(core):
    task = asyncio.create_task(core.write(*await claimed(core)))
    await core.llm.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert core.llm.closed == 1


async def test_an_error_text_that_no_database_keeps_still_ends_the_record(core, sent):
    core.llm.pieces.put_nowait(LLMStreamCutError("bad \ud800\x00"))
    await core.write(*await claimed(core))
    assert (await core.record(sent)).error_message == "bad \ufffd\ufffd"
