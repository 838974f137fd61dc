"""imcore in one event loop with everything that can go wrong between its parts in the hands of a die.

Two writers' processes and two API processes share one store; the bus between them loses, repeats and reorders; leases run out; the client's
connection is cut at any event. Nothing here sleeps: the die decides who goes next.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from adapters.memory.message_store import MemoryMessageStore
from adapters.memory.reply_meter import MemoryReplyMeter
from adapters.memory.reply_queue import MemoryReplyQueue
from imcore.cancel_reply import CancelReply
from imcore.catch_up import CatchUp
from imcore.clock import utc_now
from imcore.delta_window import DeltaWindow
from imcore.double_texting import DoubleTexting
from imcore.errors import LLMStreamCutError
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyEvent, ReplyFailed, ReplyStarted, WriterRequest
from imcore.live_replies import LiveReplies
from imcore.ports import LLMChunk, LLMClient, Notifier
from imcore.prompt import Prompt
from imcore.reply_writers import ReplyWriters, WriterTimes
from imcore.resume_session import Resumed, ResumeSession
from imcore.send_message import SendMessage
from imcore.write_reply import WriteReply

USER = "ann"
LEASE_S = 10.0


class Screen:
    """What a client that follows the rules of docs/api.md shows: messages by id, and the text of each reply by record."""

    def __init__(self) -> None:
        self.after_seq = 0
        self.messages: dict[str, str] = {}
        self.replies: dict[str, tuple[int, str]] = {}
        self.ended: dict[str, int] = {}

    def hear(self, event: ReplyEvent) -> None:
        attempt, text = self.replies.get(event.record_id, (0, ""))
        if event.attempt < attempt or event.attempt <= self.ended.get(event.record_id, -1):
            return
        if isinstance(event, ReplyStarted):
            self.replies[event.record_id] = (event.attempt, text if event.attempt == attempt else "")
        elif isinstance(event, ReplyDelta):
            text = text if event.attempt == attempt else ""
            assert event.offset <= len(text), f"a gap: {len(text)} characters shown, next is {event}"
            self.replies[event.record_id] = (event.attempt, text[: event.offset] + event.text)
        else:
            self._end(event)

    def _end(self, event: ReplyCompleted | ReplyFailed | ReplyCancelled) -> None:
        attempt, text = self.replies.pop(event.record_id, (0, ""))
        message = None if isinstance(event, ReplyFailed) else event.message
        if message is not None:
            if event.attempt == attempt:
                assert message.msg_content.startswith(text), f"shown {text!r}, stored {message.msg_content!r}"
            self.messages[message.message_id] = message.msg_content
        self.ended[event.record_id] = event.attempt

    def resumed(self, answer: Resumed) -> None:
        assert answer.recovered
        for message in answer.messages:
            self.messages[message.message_id] = message.msg_content
            self.after_seq = max(self.after_seq, message.seq)
        for reply in answer.replies:
            if reply.attempt > self.ended.get(reply.record_id, -1):
                self.replies[reply.record_id] = (reply.attempt, reply.text)
        for event in answer.ended:
            self.hear(event)


@dataclass
class Api:
    """One API process: hears the bus, tells its client."""

    name: str
    live: LiveReplies
    resume: ResumeSession = field(init=False)
    catch_up: CatchUp = field(init=False)
    heard: list[tuple[str, ReplyEvent]] = field(default_factory=list)
    screen: Screen | None = None

    def deliver(self, user_id: str, event: ReplyEvent) -> None:
        news = self.live.hear(user_id, event, has_readers=self.screen is not None)
        if news is not None and self.screen is not None:
            self.screen.hear(news)


class UnreliableBus(Notifier):
    """What is published waits in `World.apis[n].heard`; requests to the writers get there, or not."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._writers: list[Callable[[WriterRequest], None]] = []
        self.told = Screen()  # all that was published, as one would show it who hears all

    @property
    def name(self) -> str:
        return ""

    def publish(self, user_id: str, event: ReplyEvent, *, origin: str = "") -> None:
        self.told.hear(event)
        for api in self._world.apis:
            if origin in ("", api.name):
                api.heard.append((user_id, event))

    def publish_request(self, request: WriterRequest) -> None:
        if self._world.is_calm or self._world.die.random() < 0.8:
            for hear in self._writers:
                hear(request)

    def listen(self, *, on_event: object = None, on_request: Callable[[WriterRequest], None] | None = None, on_gap: object = None) -> None:
        del on_event, on_gap
        if on_request is not None:
            self._writers.append(on_request)

    async def ping(self) -> None: ...


class Words(LLMClient):
    """Answers each message with words of its own, other ones at each attempt so that mixed attempts show, and sometimes breaks off."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._streams = 0

    def request(self, prompt: Prompt) -> Mapping[str, object]:
        return {"messages": [line.content for line in prompt]}

    async def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        self._streams += 1
        stream = self._streams
        for number in range(self._world.die.randrange(6)):
            for _ in range(self._world.die.randrange(4)):
                await asyncio.sleep(0)
            if not self._world.is_calm and self._world.die.random() < 0.03:
                raise LLMStreamCutError("cut")
            yield LLMChunk(f"{prompt[-1].content}.{stream}.{number} ")
        yield LLMChunk("", "stop")


class World:
    """See the module. `die` decides; `is_calm` ends all trouble."""

    def __init__(self, die: random.Random, double_texting: DoubleTexting) -> None:
        self.die = die
        self.is_calm = False
        self.shift = timedelta(seconds=1)  # ahead of the senders' clock, so that no comparison hangs on a millisecond
        self.apis: list[Api] = []
        self.store = MemoryMessageStore(lambda: utc_now() + self.shift)
        self.queue = MemoryReplyQueue()
        self.bus = UnreliableBus(self)
        meter = MemoryReplyMeter()
        write = WriteReply(self.store, Words(self), self.bus, self.queue, meter, DeltaWindow(self.bus, window_s=0))
        never = WriterTimes(lease_s=LEASE_S, renew_s=3600, sweep_s=3600, waiting_s=0)  # the die sweeps and renews
        merge_s = 0 if double_texting is DoubleTexting.MERGE else None
        self.writers = [ReplyWriters(self.store, self.bus, write, meter, slots=2, times=never, merge_window_s=merge_s) for _ in range(2)]
        self.send = SendMessage(self.store, self.queue, self.bus, double_texting=double_texting)
        self.cancel = CancelReply(self.store, self.queue, self.bus)
        self.screen = Screen()
        self.look_s = 1.0  # every look at the clock is that much later than the last: asking again is always allowed
        self._now = 0.0

    def open(self) -> None:
        for writers in self.writers:
            self.bus.listen(on_request=writers.hear)
        self.queue.listen(self._hint)
        for name in ("left", "right"):
            live = LiveReplies(self.bus.publish_request, self._monotonic, here=name)
            api = Api(name, live)
            api.resume = ResumeSession(self.store, live, api.deliver)
            api.catch_up = CatchUp(self.store, live, api.deliver, self._connected)
            self.apis.append(api)

    async def close(self) -> None:
        for writers in self.writers:
            await writers.close(0)
        await self.queue.close()

    async def _hint(self, session_ids: object) -> None:
        """A hint may be lost, or come twice, to either writer, from either API process, one that is not known or one that is gone."""
        for writers in self.writers:
            if self.is_calm or self.die.random() < 0.6:
                origin = self.die.choice([*(api.name for api in self.apis), "", "gone"])
                await writers.offer(list(session_ids), origin)  # type: ignore[call-overload]  # a collection of ids

    def _monotonic(self) -> float:
        self._now += self.look_s
        return self._now

    def _connected(self) -> Mapping[str, datetime]:
        return {USER: datetime.min.replace(tzinfo=utc_now().tzinfo) + timedelta(days=1)}

    # What the die can do

    async def pass_event(self) -> None:
        """One event reaches an API process: the next one, a later one, or one that stays for a repetition; or it is lost."""
        api = self.die.choice(self.apis)
        if not api.heard:
            return
        place = 0 if self.die.random() < 0.7 else self.die.randrange(len(api.heard))
        fate = self.die.random()
        event = api.heard[place] if fate < 0.1 else api.heard.pop(place)
        if fate < 0.85:
            api.deliver(*event)

    async def reconnect(self) -> None:
        """The client's connection is cut; it comes back on either instance and resumes."""
        for api in self.apis:
            api.screen = None
        await self.resume(self.die.choice(self.apis))

    async def resume(self, api: Api) -> None:
        """First the subscription, then the question: events that come in between are shown before the answer."""
        api.screen = self.screen
        ends_heard = api.live.ends_heard
        answer = await api.resume(USER, after_seq=self.screen.after_seq, known_replies=list(self.screen.replies))
        meanwhile = api.live.ended_since(ends_heard)
        self.screen.resumed(replace(answer, replies=[reply for reply in answer.replies if reply.record_id not in meanwhile]))

    async def run_out(self) -> None:
        """All leases run out: to the others, the writers are dead."""
        self.shift += timedelta(seconds=LEASE_S + 1)
        await self.sweep()

    async def sweep(self) -> None:
        await self.die.choice(self.writers).sweep()

    async def step(self) -> None:
        for _ in range(self.die.randrange(1, 8)):
            await asyncio.sleep(0)
