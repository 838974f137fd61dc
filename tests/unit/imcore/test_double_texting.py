"""What happens to a message that is sent while the session waits for a reply, from the send to the last event."""

import asyncio
from dataclasses import replace

import pytest

from imcore.cancel_reply import CancelReply
from imcore.chat_record import ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.errors import LLMStreamCutError, ReplyInProgressError
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyFailed, ReplyStarted, ShowReply
from imcore.live_replies import LiveReplies
from imcore.reply_writers import ReplyWriters, WriterTimes
from imcore.resume_session import ResumeSession, ended_event
from imcore.retry_reply import RetryReply


def sending(core, mode):
    return replace(core.send, double_texting=mode)


async def begun(core, text: str) -> None:
    """The model is asked, and has said this much."""
    core.llm.says(text, finish=False)
    await core.until(lambda: any(isinstance(event, ReplyDelta) for event in core.events))


# reject


async def test_a_rejected_message_is_accepted_once_the_reply_has_come(core):
    send = sending(core, DoubleTexting.REJECT)
    core.writers.open()
    await send("alice", "one")
    with pytest.raises(ReplyInProgressError):
        await send("alice", "two")
    core.llm.says("1")
    await core.ends()
    await send("alice", "three")
    core.llm.says("3")
    await core.ends(2)
    assert core.llm.prompts[-1] == ["one", "1", "three"]


# interrupt


async def test_an_interruption_stops_the_reply_keeps_its_text_and_is_answered_next(core):
    send = sending(core, DoubleTexting.INTERRUPT)
    core.writers.open()
    old = await send("alice", "old")
    await begun(core, "half")
    new = await send("alice", "new")
    (cancelled,) = await core.ends()
    assert isinstance(cancelled, ReplyCancelled)
    assert (cancelled.record_id, cancelled.message.msg_content) == (old.record.record_id, "half")
    core.llm.says("whole")
    _, completed = await core.ends(2)
    assert isinstance(completed, ReplyCompleted)
    assert completed.record_id == new.record.record_id
    assert core.llm.prompts == [["old"], ["old", "half", "new"]]


async def test_an_interruption_tells_at_once_of_what_nobody_has_begun(core):
    core.deaf()
    send = sending(core, DoubleTexting.INTERRUPT)
    waiting = [await send("alice", "one"), await send("alice", "two")]
    assert core.ended == [ReplyCancelled(waiting[0].record.record_id, 0, None)]
    await send("alice", "three")
    assert [event.record_id for event in core.ended] == [one.record.record_id for one in waiting]
    assert core.llm.prompts == []


async def test_a_writer_that_no_request_reaches_learns_of_the_interruption_from_the_store(core):
    core.writers.open()
    old = await core.send("alice", "old")
    await begun(core, "half")
    await core.store.add(*(await unsent(core)), double_texting=DoubleTexting.INTERRUPT)
    (cancelled,) = await core.ends()
    assert cancelled.record_id == old.record.record_id


async def unsent(core):
    """A message and its record, as yet unknown to the store that counts."""
    scratch = replace(core.send, store=type(core.store)())
    stored = await scratch("alice", "new")
    return stored.message, stored.record


# merge


@pytest.fixture
async def merging(core):
    """Writers that merge; nobody else hears hints."""
    times = WriterTimes(lease_s=10, renew_s=0.01, sweep_s=0.01, waiting_s=60)
    writers = ReplyWriters(core.store, core.notifier, core.write, core.meter, slots=3, times=times, merge_window_s=0.1)
    core.queue.listen(writers.offer)
    writers.open()
    yield writers
    for _ in range(10):
        core.llm.says("end of test")
    await writers.close(1)


async def burst(core, *texts: str):
    """Sent one after the other, with time for hints to arrive in between."""
    sent = []
    for text in texts:
        sent.append(await core.send("alice", text))
        for _ in range(5):
            await asyncio.sleep(0)
    return sent


@pytest.mark.usefixtures("merging")
async def test_a_burst_is_answered_by_one_reply_that_every_record_is_told_of(core):
    sent = await burst(core, "one", "two", "three")
    core.llm.says("all")
    ends = await core.ends(3)
    ids = [one.record.record_id for one in sent]
    started = [event for event in core.events if isinstance(event, ReplyStarted)]
    assert [event.record_id for event in started] == ids
    assert {event.ai_message_id for event in started} == {ends[0].message.message_id}
    assert ends == [ReplyCompleted(record_id, 1, ends[0].message) for record_id in ids]
    assert core.llm.prompts == [["one", "two", "three"]]
    assert [line.msg_content for line in await core.store.messages("alice", "alice", limit=9)] == ["one", "two", "three", "all"]
    assert (core.meter.counts["SUCCESS"], await core.store.open_record_count()) == (1, 0)


@pytest.mark.usefixtures("merging")
async def test_what_is_sent_while_a_reply_is_written_is_merged_into_the_next(core):
    await burst(core, "one")
    await begun(core, "1")
    await burst(core, "two", "three")
    core.llm.says("!")
    core.llm.says("23")
    await core.ends(3)
    assert core.llm.prompts == [["one"], ["one", "1!", "two", "three"]]


@pytest.mark.usefixtures("merging")
async def test_stopping_any_merged_reply_stops_the_one_that_is_written(core):
    sent = await burst(core, "one", "two")
    await begun(core, "half")
    await CancelReply(core.store, core.queue, core.notifier)("alice", sent[1].record.record_id)
    ends = await core.ends(2)
    assert [(type(event), event.message.msg_content) for event in ends] == [(ReplyCancelled, "half")] * 2


async def test_cancelling_a_group_that_nobody_writes_tells_all_of_it(core):
    core.deaf()
    sent = await burst(core, "one", "two")
    await core.store.claim("alice", lease_s=0, merge=True)
    await CancelReply(core.store, core.queue, core.notifier)("alice", sent[1].record.record_id)
    assert core.ended == [ReplyCancelled(one.record.record_id, 1, None) for one in sent]


@pytest.mark.usefixtures("merging")
async def test_a_failed_group_is_retried_together(core):
    core.llm.pieces.put_nowait(LLMStreamCutError("cut"))
    sent = await burst(core, "one", "two")
    assert [type(event) for event in await core.ends(2)] == [ReplyFailed] * 2
    await RetryReply(core.store, core.queue)("alice", sent[1].record.record_id)
    core.llm.says("better")
    ends = (await core.ends(4))[2:]
    assert [(event.record_id, event.attempt) for event in ends] == [(one.record.record_id, 3) for one in sent]
    assert core.llm.prompts == [["one", "two"]] * 2


@pytest.mark.usefixtures("merging")
async def test_a_merged_record_shows_the_text_that_is_written_for_its_leader(core):
    live = LiveReplies(core.notifier.publish_request)
    core.notifier.listen(on_event=live.hear)
    sent = await burst(core, "one", "two")
    await begun(core, "so far")
    resumed = await ResumeSession(core.store, live, live.hear)("alice")
    assert [(reply.record_id, reply.text) for reply in resumed.replies] == [(one.record.record_id, "so far") for one in sent]
    assert len({reply.ai_message_id for reply in resumed.replies}) == 1
    core.notifier.publish_request(ShowReply(sent[1].record.record_id))
    assert core.events[-1] == ReplyDelta(sent[1].record.record_id, 1, 0, "so far")


@pytest.mark.usefixtures("merging")
async def test_the_end_of_a_merged_record_can_be_asked_for_later(core):
    sent = await burst(core, "one", "two")
    core.llm.says("both")
    ends = await core.ends(2)
    ids = [one.record.record_id for one in sent]
    assert [await ended_event(core.store, "alice", record_id) for record_id in ids] == ends
    resumed = await ResumeSession(core.store, live := LiveReplies(lambda _: None), live.hear)("alice", known_replies=ids)
    assert (resumed.replies, resumed.ended) == ([], ends)


async def test_a_group_that_was_made_before_merging_was_turned_off_is_still_answered_together(core):
    core.deaf()
    await burst(core, "one", "two")
    await core.store.claim("alice", lease_s=0, merge=True)
    core.writers.open()
    await core.writers.offer(["alice"])
    core.llm.says("both")
    assert len(await core.ends(2)) == 2
    assert core.llm.prompts == [["one", "two"]]


async def test_the_record_of_a_merged_reply_keeps_what_was_asked_with_its_leader_only(core):
    core.deaf()
    sent = await burst(core, "one", "two")
    await core.store.claim("alice", lease_s=0, merge=True)
    core.writers.open()
    await core.writers.offer(["alice"])
    core.llm.says("both")
    await core.ends(2)
    leader, merged = [await core.record(one) for one in sent]
    assert (leader.status, leader.prompt_tokens, leader.merged_into) == (ReplyStatus.SUCCESS, 7, None)
    assert (merged.status, merged.prompt_tokens, merged.merged_into) == (ReplyStatus.SUCCESS, None, leader.record_id)
    assert merged.request_content is None
