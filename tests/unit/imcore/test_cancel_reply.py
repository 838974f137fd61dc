"""Stopping a reply: what is committed is told."""

import asyncio

import pytest

from adapters.memory.message_store import MemoryMessageStore
from adapters.memory.notifier import MemoryNotifier
from adapters.memory.reply_queue import MemoryReplyQueue
from imcore.cancel_reply import CancelReply
from imcore.events import ReplyCancelled
from imcore.send_message import SendMessage


async def test_a_caller_who_gives_up_after_the_commit_keeps_nobody_from_being_told(monkeypatch):
    store, queue, notifier = MemoryMessageStore(), MemoryReplyQueue(), MemoryNotifier()
    told, committed, may_return = asyncio.Queue(), asyncio.Event(), asyncio.Event()
    notifier.listen(on_event=lambda _, event: told.put_nowait(event))
    record_id = (await SendMessage(store, queue, notifier)("alice", "hi")).record.record_id
    commit = store.cancel

    async def slow_answer(*ids):
        record = await commit(*ids)
        committed.set()
        await may_return.wait()
        return record

    monkeypatch.setattr(store, "cancel", slow_answer)
    caller = asyncio.create_task(CancelReply(store, queue, notifier)("alice", record_id))
    await committed.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_return.set()

    async with asyncio.timeout(10):
        event = await told.get()
    assert isinstance(event, ReplyCancelled)
    assert event.record_id == record_id
