import asyncio
from datetime import timedelta

import pytest

from imcore import reply_writers
from imcore.chat_record import ReplyStatus
from imcore.errors import StoreUnavailableError
from imcore.events import ReplyCompleted, ReplyDelta, ReplyStarted, ShowReply, TellAll
from imcore.reply_writers import ReplyWriters, WriterTimes


def texts(events):
    return [event.message.msg_content for event in events]


async def test_a_hint_has_the_reply_written(core):
    core.writers.open()
    await core.send("alice", "hi")
    core.llm.says("hello")
    assert texts(await core.ends()) == ["hello"]


async def test_replies_of_a_session_are_written_one_at_a_time_in_the_order_of_its_messages(core):
    core.writers.open()
    for text in ("one", "two", "three"):
        await core.send("alice", text)
    for text in ("1", "2", "3"):
        core.llm.says(text)
    assert texts(await core.ends(3)) == ["1", "2", "3"]
    assert core.llm.prompts == [["one"], ["one", "1", "two"], ["one", "1", "two", "2", "three"]]
    kinds = [type(event) for event in core.events if not isinstance(event, ReplyDelta)]
    assert kinds == [ReplyStarted, ReplyCompleted] * 3


async def test_a_hint_that_comes_at_any_moment_of_a_drain_is_not_lost(core):
    core.writers.open()
    for number in range(50):
        core.llm.says(str(number))
        await core.send("alice", f"question {number}")
        for _ in range(number % 7):
            await asyncio.sleep(0)
    assert texts(await core.ends(50)) == [str(number) for number in range(50)]


async def test_a_hint_that_comes_after_an_end_found_nothing_waiting_is_not_lost(core, monkeypatch):
    finish = core.store.finish

    async def finish_a_moment_too_early(outcome):
        finished = await finish(outcome)
        if not core.ended:
            assert not finished.session_waits
            await core.send("alice", "two")
            while "alice" not in core.writers._hinted:  # noqa: ASYNC110  (nothing tells of it)
                await asyncio.sleep(0)
        return finished

    monkeypatch.setattr(core.store, "finish", finish_a_moment_too_early)
    core.writers.open()
    core.llm.says("1")
    core.llm.says("2")
    await core.send("alice", "one")
    assert texts(await core.ends(2)) == ["1", "2"]


async def test_while_all_slots_are_taken_an_offer_waits(core):
    core.writers.open()
    core.deaf()
    for user in "abcd":
        await core.send(user, "hi")
    offer = asyncio.create_task(core.writers.offer(["a", "b", "c", "d"]))
    await core.until(lambda: core.writers.running == 3)
    assert not offer.done()
    core.llm.says("free")
    await core.ends(1)
    await offer
    for _ in range(3):
        core.llm.says("rest")
    assert len(await core.ends(4)) == 4


async def test_a_sweep_finds_what_no_hint_named(core):
    core.deaf()
    await core.send("alice", "hi")
    core.now(timedelta(seconds=61))
    core.writers.open()
    core.llm.says("found")
    assert texts(await core.ends()) == ["found"]
    assert core.meter.counts["recovered"] == 1


async def test_a_sweep_finds_what_a_dead_writer_left(core):
    core.deaf()
    stored = await core.send("alice", "hi")
    await core.store.claim("alice", lease_s=10)
    core.now(timedelta(seconds=11))
    core.writers.open()
    core.llm.says("again")
    assert texts(await core.ends()) == ["again"]
    assert (await core.record(stored)).attempt == 2


async def test_the_text_so_far_and_the_lease_are_kept_in_the_store(core):
    core.writers.open()
    stored = await core.send("alice", "hi")
    core.llm.says("so far", finish=False)

    async def text_is_kept() -> bool:
        return (await core.record(stored)).text == "so far"

    await core.eventually(text_is_kept)
    before = (await core.record(stored)).lease_expires_at

    async def lease_is_longer() -> bool:
        return (await core.record(stored)).lease_expires_at > before

    await core.eventually(lease_is_longer)


async def test_a_lease_is_renewed_before_it_is_as_old_as_it_may_get_and_not_much_sooner(core, monkeypatch):
    renewed = []
    renew = core.store.renew

    async def note(running, **options):
        renewed.extend(reply.lease.session_id for reply in running)
        return await renew(running, **options)

    monkeypatch.setattr(core.store, "renew", note)
    writers = ReplyWriters(core.store, core.notifier, core.write, core.meter, times=WriterTimes(renew_s=1000))
    core.queue.listen(writers.offer)
    for user_id in ("alice", "bob"):
        await core.send(user_id, "hi")
        core.llm.says("so far", finish=False)
    await core.until(lambda: writers.running == 2)
    old = next(draft for draft in writers._drafts if draft.record.user_id == "bob")
    writers._drafts[old] -= 1000 - 1000 / reply_writers.RENEWAL_ROUNDS
    await writers._renew()
    await writers._renew()
    assert renewed == ["bob"]
    await writers.close(0)


async def test_a_writer_whose_lease_was_taken_stops_asking_its_model(core):
    core.writers.open()
    stored = await core.send("alice", "hi")
    await core.llm.asked.wait()
    core.now(timedelta(seconds=11))
    await core.store.claim("alice", lease_s=1000)

    async def writes_nothing() -> bool:
        return core.writers.running == 0

    await core.eventually(writes_nothing)
    assert core.llm.closed == 1
    assert (await core.record(stored)).is_open
    assert core.ended == []


async def test_a_writer_shows_the_text_so_far_when_asked(core):
    core.writers.open()
    stored = await core.send("alice", "hi")
    core.llm.says("so", " far", finish=False)
    await core.until(lambda: len(core.events) == 3)
    core.notifier.publish_request(ShowReply(stored.record.record_id))
    assert core.events[-1] == ReplyDelta(stored.record.record_id, 1, 0, "so far")


@pytest.fixture
async def begun_at_left(core, monkeypatch):
    """A reply to a message that came in at the process "left", with some text; its record, and the origins of what is told of it."""
    origins = []
    publish = core.notifier.publish

    def note(user_id, event, *, origin=""):
        origins.append((type(event), origin))
        publish(user_id, event)

    monkeypatch.setattr(core.notifier, "publish", note)
    core.deaf()
    stored = await core.send("alice", "hi")
    core.writers.open()
    await core.writers.offer(["alice"], "left")
    core.llm.says("so", " far", finish=False)
    await core.until(lambda: len(core.events) == 3)
    assert core.events[0].origin == "left"
    assert origins == [(ReplyStarted, ""), (ReplyDelta, "left"), (ReplyDelta, "left")]
    origins.clear()
    return stored.record, origins


async def test_deltas_are_told_to_the_process_that_the_hint_named_alone(core, begun_at_left):
    _, origins = begun_at_left
    core.llm.says(" so good")
    await core.ends()
    assert origins == [(ReplyDelta, "left"), (ReplyCompleted, "")]


async def test_deltas_are_told_to_all_once_another_process_has_asked_for_the_reply(core, begun_at_left):
    record, origins = begun_at_left
    core.notifier.publish_request(ShowReply(record.record_id))
    core.llm.says(" so good")
    await core.ends()
    assert origins == [(ReplyDelta, ""), (ReplyDelta, ""), (ReplyCompleted, "")]


async def test_deltas_are_told_to_all_once_another_process_has_begun_to_listen(core, begun_at_left):
    _, origins = begun_at_left
    core.notifier.publish_request(TellAll())
    core.llm.says(" so good")
    await core.ends()
    assert origins == [(ReplyDelta, ""), (ReplyCompleted, "")]


async def test_closing_waits_for_running_replies_and_takes_no_new_ones(core):
    core.writers.open()
    await core.send("alice", "hi")
    await core.llm.asked.wait()
    await core.send("alice", "next")
    closing = asyncio.create_task(core.writers.close(5))
    await asyncio.sleep(0)
    core.llm.says("last")
    await closing
    assert texts(core.ended) == ["last"]
    assert await core.store.open_record_count() == 1


async def test_closing_hands_back_what_does_not_end_in_time(core):
    core.writers.open()
    stored = await core.send("alice", "hi")
    core.llm.says("half", finish=False)
    await core.until(lambda: len(core.events) == 2)
    await core.writers.close(0.01)
    record = await core.record(stored)
    assert (record.status, record.lease_expires_at) == (ReplyStatus.PROCESSING, None)
    assert (await core.store.claim("alice", lease_s=10)).record.attempt == 2


async def test_closing_does_not_wait_for_a_store_that_stays_away(core, monkeypatch):
    async def away(_lease):
        raise StoreUnavailableError("away")

    monkeypatch.setattr(reply_writers, "HAND_BACK_S", 0.01)
    monkeypatch.setattr(core.store, "finish", away)
    core.writers.open()
    stored = await core.send("alice", "hi")
    core.llm.says("whole")
    await core.until(lambda: any(isinstance(event, ReplyDelta) for event in core.events))
    await core.writers.close(0)
    assert core.writers.running == 0
    assert (await core.record(stored)).is_open
    assert core.meter.counts["started"] == core.meter.counts["left"] == 1
