"""A core with in-process adapters whose clock and model the test holds in its hands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from adapters.memory.message_store import MemoryMessageStore
from adapters.memory.notifier import MemoryNotifier
from adapters.memory.reply_meter import MemoryReplyMeter
from adapters.memory.reply_queue import MemoryReplyQueue
from imcore.chat_record import ChatRecord
from imcore.clock import utc_now
from imcore.delta_window import DeltaWindow
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyEvent, ReplyFailed
from imcore.ports import LLMChunk, LLMClient, Stored
from imcore.reply_writers import ReplyWriters, WriterTimes
from imcore.send_message import SendMessage
from imcore.write_reply import WriteReply

ENDS = (ReplyCompleted, ReplyFailed, ReplyCancelled)


class ScriptedLLM(LLMClient):
    """Streams what the test puts into `pieces`: chunks, errors, or a function to be called; waits where there is nothing."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[LLMChunk | Exception] = asyncio.Queue()
        self.prompts: list[list[str]] = []
        self.asked = asyncio.Event()
        self.closed = 0

    def says(self, *texts: str, finish: bool = True) -> None:
        for text in texts:
            self.pieces.put_nowait(LLMChunk(text))
        if finish:
            self.pieces.put_nowait(LLMChunk("", "stop", 7, 3, "scripted"))

    def request(self, prompt):
        return {"model": "scripted", "messages": [line.content for line in prompt]}

    async def stream(self, prompt):
        self.prompts.append([line.content for line in prompt])
        self.asked.set()
        try:
            while True:
                piece = await self.pieces.get()
                if isinstance(piece, Exception):
                    raise piece
                yield piece
                if piece.finish_reason:
                    return
        finally:
            self.closed += 1


@dataclass
class Core:
    """`events` are all events published so far; `ended` wakes at each end."""

    store: MemoryMessageStore
    queue: MemoryReplyQueue
    notifier: MemoryNotifier
    meter: MemoryReplyMeter
    llm: ScriptedLLM
    send: SendMessage
    write: WriteReply
    writers: ReplyWriters
    now: Callable[[timedelta], None]
    events: list[ReplyEvent] = field(default_factory=list)

    def deaf(self) -> None:
        """From now on hints are lost."""
        self.queue.listen(unheard)

    def hear(self, _user_id: str, event: ReplyEvent) -> None:
        self.events.append(event)
        self._news.set()

    def __post_init__(self) -> None:
        self._news = asyncio.Event()
        self.notifier.listen(on_event=self.hear)

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for events until the condition holds."""
        while not met():
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 5)

    async def eventually(self, met: Callable[[], Awaitable[bool]]) -> None:
        """Look again and again at what no event tells, 5 seconds at most."""
        async with asyncio.timeout(5):
            while not await met():  # noqa: ASYNC110  (a renewal announces itself to nobody)
                await asyncio.sleep(0.005)

    async def ends(self, count: int = 1) -> list[ReplyEvent]:
        """Wait for that many ends, return all so far."""
        await self.until(lambda: len(self.ended) >= count)
        return self.ended

    @property
    def ended(self) -> list[ReplyEvent]:
        return [event for event in self.events if isinstance(event, ENDS)]

    async def record(self, stored: Stored) -> ChatRecord:
        record = await self.store.record(stored.record.user_id, stored.record.record_id)
        assert record is not None
        return record


async def unheard(session_ids) -> None:
    """A listener for hints that does nothing: as if they were lost."""
    del session_ids


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    shift = timedelta()

    def pass_time(by: timedelta) -> None:
        nonlocal shift
        shift += by

    store = MemoryMessageStore(lambda: utc_now() + shift)
    queue, notifier, meter, llm = MemoryReplyQueue(), MemoryNotifier(), MemoryReplyMeter(), ScriptedLLM()
    write = WriteReply(store, llm, notifier, queue, meter, DeltaWindow(notifier, window_s=0), store_patience_s=0.5)
    times = WriterTimes(lease_s=10, renew_s=0.01, sweep_s=0.01, waiting_s=60)
    writers = ReplyWriters(store, notifier, write, meter, slots=3, times=times)
    queue.listen(writers.offer)
    yield Core(store, queue, notifier, meter, llm, SendMessage(store, queue, notifier), write, writers, pass_time)
    for _ in range(10):
        llm.says("end of test")
    await writers.close(1)
    await queue.close()
    await notifier.close()
