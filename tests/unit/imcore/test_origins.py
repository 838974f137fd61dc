"""Two API processes and one writer, where deltas go to the process that took the message. With the origin `""` all hear all, as before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime

import pytest

from adapters.memory.message_store import MemoryMessageStore
from adapters.memory.reply_meter import MemoryReplyMeter
from adapters.memory.reply_queue import MemoryReplyQueue
from adapters.websocket.hub import Hub
from adapters.websocket.outbox import Outbox
from imcore.catch_up import CatchUp
from imcore.chat_record import ChatRecord
from imcore.delta_window import DeltaWindow
from imcore.events import ReplyEvent, ShowReply, WriterRequest
from imcore.live_replies import LiveReplies
from imcore.ports import Notifier
from imcore.reply_writers import ReplyWriters, WriterTimes
from imcore.resume_session import Resumed, ResumeSession
from imcore.send_message import SendMessage
from imcore.write_reply import WriteReply
from tests.fakes.steered_llm import SteeredLLMClient, SteeredStream
from tests.polling import eventually

USER = "ann"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Api:
    """One API process; `is_deaf` loses what it is told."""

    def __init__(self, name: str, bus: Bus, store: MemoryMessageStore, clock: Clock) -> None:
        self.name = name
        self.is_deaf = False
        self.live = LiveReplies(bus.publish_request, clock, here=name)
        self.hub = Hub(self.live)
        self.resume = ResumeSession(store, self.live, self.hub.deliver)
        self.catch_up = CatchUp(store, self.live, self.hub.deliver, self._connected)

    def _connected(self) -> Mapping[str, datetime]:
        return self.hub.connected()

    def hear(self, user_id: str, event: ReplyEvent) -> None:
        if not self.is_deaf:
            self.hub.deliver(user_id, event)


class Bus(Notifier):
    """Tells at once. Between `lose_requests` and `mend` the writers' subscription is away; `mend` tells them of the gap."""

    def __init__(self) -> None:
        self.apis: list[Api] = []
        self.requests: list[WriterRequest] = []
        self._is_mended = True
        self._hear: list[Callable[[WriterRequest], None]] = []
        self._on_gap: list[Callable[[], None]] = []

    def lose_requests(self) -> None:
        self._is_mended = False

    def mend(self) -> None:
        self._is_mended = True
        for on_gap in self._on_gap:
            on_gap()

    @property
    def name(self) -> str:
        return ""

    def publish(self, user_id: str, event: ReplyEvent, *, origin: str = "") -> None:
        for api in self.apis:
            if origin in ("", api.name):
                api.hear(user_id, event)

    def publish_request(self, request: WriterRequest) -> None:
        self.requests.append(request)
        for hear in self._hear if self._is_mended else ():
            hear(request)

    def listen(
        self,
        *,
        on_event: object = None,
        on_request: Callable[[WriterRequest], None] | None = None,
        on_gap: Callable[[], None] | None = None,
    ) -> None:
        del on_event  # the API processes are told by name
        if on_request is not None:
            self._hear.append(on_request)
        if on_gap is not None:
            self._on_gap.append(on_gap)

    async def ping(self) -> None: ...


class Installation:
    def __init__(self, origin: str) -> None:
        self.clock = Clock()
        self.bus = Bus()
        self.llm = SteeredLLMClient()
        self.store = MemoryMessageStore()
        self.left, self.right = (Api(name, self.bus, self.store, self.clock) for name in ("left", "right"))
        self.bus.apis += [self.left, self.right]
        queue = MemoryReplyQueue()
        write = WriteReply(self.store, self.llm, self.bus, queue, MemoryReplyMeter(), DeltaWindow(self.bus, window_s=0))
        never = WriterTimes(lease_s=3600, renew_s=3600, sweep_s=3600, waiting_s=3600)
        self.writers = ReplyWriters(self.store, self.bus, write, MemoryReplyMeter(), times=never)
        self.writers.open()
        self._origin = origin
        self._send = SendMessage(self.store, queue, self.bus)

    async def send(self, session_id: str | None = None) -> tuple[ChatRecord, SteeredStream]:
        """A message by HTTP at `origin`; returns its record and the model's stream, of which nothing is said yet."""
        stored = await self._send(USER, "hi", session_id=session_id)
        await self.writers.offer([stored.record.session_id], self._origin)
        return stored.record, await self.llm.asked()

    async def record(self, record_id: str) -> ChatRecord:
        record = await self.store.record(USER, record_id)
        assert record is not None
        return record

    async def time_passes(self, api: Api, seconds: int) -> None:
        """With what an API process does now and then."""
        for _ in range(seconds):
            self.clock.now_s += 1.0
            await api.catch_up.silent()


async def say(stream: SteeredStream, text: str) -> None:
    stream.say(text)
    await eventually(lambda: not stream.has_unread)


@pytest.fixture(params=["", "left"], ids=["told to all", "told to the sender's process"])
async def installation(request: pytest.FixtureRequest) -> AsyncIterator[Installation]:
    installation = Installation(request.param)
    try:
        yield installation
    finally:
        await installation.writers.close(0)


def shown(outbox: Outbox, answer: Resumed | None = None) -> str:
    """The text of the one reply, as a client shows it by the rules of docs/api.md; None of it may be missing."""
    text = answer.replies[0].text if answer is not None and answer.replies else ""
    while (frame := outbox.take_nowait()) is not None:
        if frame.delta is not None:
            assert frame.delta.offset <= len(text)
            text = frame.delta.text if frame.delta.offset == 0 else text[: frame.delta.offset] + frame.delta.text
    return text


def socket(api: Api) -> Outbox:
    outbox = api.hub.open_socket(USER)
    assert outbox is not None
    return outbox


# A question to the writer that is lost


async def reader_who_missed_the_start(installation: Installation) -> tuple[Outbox, SteeredStream]:
    """Redis restarts: the process is subscribed again, and asks, before the worker is."""
    reader = socket(installation.right)
    installation.right.is_deaf = True
    _, stream = await installation.send()
    installation.right.is_deaf = False
    installation.bus.lose_requests()
    await installation.right.catch_up.after_gap()
    installation.bus.mend()
    return reader, stream


async def test_a_reader_who_resumes_while_the_writer_cannot_be_asked_sees_the_text_before_its_end(installation: Installation) -> None:
    """The writer knows that it may have missed a question, and answers all that may have been asked."""
    _, stream = await installation.send()
    await say(stream, "One")
    installation.bus.lose_requests()
    reader = socket(installation.right)
    answer = await installation.right.resume(USER)
    installation.bus.mend()
    for _ in range(10):
        await say(stream, ", more")
        await installation.time_passes(installation.right, seconds=6)

    assert shown(reader, answer) == "One" + ", more" * 10


async def test_a_reader_whose_process_missed_the_start_and_could_not_ask_sees_the_text_before_its_end(installation: Installation) -> None:
    reader, stream = await reader_who_missed_the_start(installation)
    for _ in range(10):
        await say(stream, "more, ")
        await installation.time_passes(installation.right, seconds=6)

    assert shown(reader) == "more, " * 10


async def test_a_second_gap_within_half_a_second_asks_again(installation: Installation) -> None:
    """The writer publishes again, and so tells of a gap, when its own subscription is back: the question before that was lost."""
    reader, stream = await reader_who_missed_the_start(installation)
    installation.clock.now_s += 0.3
    await installation.right.catch_up.after_gap()
    await say(stream, "Hello")
    installation.clock.now_s += 1
    await say(stream, " world")

    assert shown(reader) == "Hello world"


async def test_whoever_resumes_gets_at_least_the_text_that_is_stored(installation: Installation) -> None:
    """The start was heard, the question lost: what is known here is an empty text, the store has more."""
    reader = socket(installation.right)
    installation.bus.lose_requests()
    record, stream = await installation.send()
    await say(stream, "Hello")
    (draft,) = installation.writers._drafts
    await installation.store.renew([draft.renewal()], lease_s=3600)
    assert (await installation.record(record.record_id)).text == "Hello"
    installation.right.hub.remove(USER, reader)
    installation.bus.mend()

    reader = socket(installation.right)
    assert shown(reader, await installation.right.resume(USER)) == "Hello"


async def test_a_reply_begun_while_the_writer_cannot_be_asked_is_shown_within_two_pieces(installation: Installation) -> None:
    """The question that the start brought about was lost; its reader need not wait for the check of silent replies."""
    reader = socket(installation.right)
    installation.bus.lose_requests()
    _, stream = await installation.send()
    installation.bus.mend()
    await say(stream, "Hello")
    await installation.time_passes(installation.right, seconds=1)
    await say(stream, " world")

    assert shown(reader) == "Hello world"


# Who connects, and does not resume this session


async def test_a_socket_is_told_of_the_replies_of_all_sessions_of_its_user(installation: Installation) -> None:
    """docs/api.md: every connection gets the events of all their sessions. At the least a delta that shows that something was missed."""
    _, stream = await installation.send(session_id="ann:work")
    await say(stream, "One")
    reader = socket(installation.right)
    await installation.right.resume(USER)  # the session "ann"
    await say(stream, ", two")
    await installation.time_passes(installation.right, seconds=20)
    await say(stream, ", three")

    assert reader.take_nowait() is not None


async def test_a_socket_at_a_process_that_never_heard_the_start_is_told_of_a_reply_of_another_session(installation: Installation) -> None:
    """The process was started, or subscribed again, after the start. Each connection gets the events of all sessions of its user."""
    installation.right.is_deaf = True
    _, stream = await installation.send(session_id="ann:work")
    await say(stream, "One")
    installation.right.is_deaf = False
    await installation.right.catch_up.after_gap()  # nobody is connected yet

    reader = socket(installation.right)
    await installation.right.resume(USER)  # the session "ann"
    for _ in range(5):
        await say(stream, ", more")
        await installation.time_passes(installation.right, seconds=20)

    assert reader.take_nowait() is not None


async def test_whoever_resumes_after_the_end_is_not_told_of_the_replys_text_once_more(installation: Installation) -> None:
    """The question that connecting brings about was answered before the end; the answer comes after `resumed`, which has the message."""
    heard: list[tuple[str, ReplyEvent]] = []
    right = installation.right
    deliver = right.hear
    _, stream = await installation.send()
    await say(stream, "Hello")
    right.hear = lambda user_id, event: heard.append((user_id, event))  # type: ignore[method-assign]  # what is on its way to it

    reader = socket(right)
    stream.end(" world")
    await eventually(lambda: not installation.writers._drains)
    answer = await right.resume(USER)
    assert [message.msg_content for message in answer.messages] == ["hi", "Hello world"]
    while reader.take_nowait() is not None:
        pass  # what was told before `resumed`
    for event in heard:
        right.hear = deliver  # type: ignore[method-assign]
        right.hear(*event)

    told = []
    while (frame := reader.take_nowait()) is not None:
        told.append(frame)
    assert [frame.delta for frame in told if frame.delta is not None] == []


async def test_a_reply_that_has_ended_unheard_is_not_asked_for_for_ever(installation: Installation) -> None:
    right = installation.right
    _, stream = await installation.send()
    right.is_deaf = True
    stream.end("Hello")
    await eventually(lambda: not installation.writers._drains)
    right.is_deaf = False
    await right.catch_up.after_gap()
    for _ in range(5):
        await installation.time_passes(right, seconds=120)
        reader = socket(right)
        await right.resume(USER)
        right.hub.remove(USER, reader)

    assert sum(isinstance(request, ShowReply) for request in installation.bus.requests) <= 1


# Whoever polls, with nobody connected


async def test_the_text_so_far_does_not_go_back_when_the_next_poll_comes_to_another_process(installation: Installation) -> None:
    record, stream = await installation.send()
    await say(stream, "Hello")
    record = await installation.record(record.record_id)
    texts = [api.live.so_far(record, record).text for api in (installation.left, installation.right, installation.right)]

    assert texts == ["Hello"] * 3


async def test_polls_in_the_same_moment_do_not_each_have_the_whole_text_told_to_all(installation: Installation) -> None:
    record, stream = await installation.send()
    await say(stream, "Hello")
    record = await installation.record(record.record_id)
    for _ in range(10):
        installation.right.live.so_far(record, record)

    assert len(installation.bus.requests) <= 1


async def test_what_was_begun_late_is_kept_for_whoever_polls_it(installation: Installation) -> None:
    """A single process, too: the model thinks for longer than the silence that makes the process forget."""
    record, stream = await installation.send()
    await installation.time_passes(installation.left, seconds=8)
    await say(stream, "Hello")
    record = await installation.record(record.record_id)

    assert installation.left.live.so_far(record, record).text == "Hello"


async def test_a_session_that_is_drained_no_more_has_no_origin(installation: Installation) -> None:
    _, stream = await installation.send()
    await installation.writers.offer([USER], "right")
    stream.end("Hello")
    await eventually(lambda: not installation.writers._drains)
    await asyncio.sleep(0)

    assert installation.writers._origins == {}
