"""Events that were missed: no socket is ever silently dead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.memory.notifier import MemoryNotifier
from entrypoints.api import event_gaps
from imcore import live_replies
from imcore.errors import NotifierUnavailableError
from imcore.events import ReplyDelta, ReplyEvent
from imcore.ids import reply_message_id
from tests.fakes.api_container import MemoryContainer
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient
from tests.polling import eventually


class LossyNotifier(MemoryNotifier):
    """Loses every event while it `is_cut`; `mend` tells of the gap, as a bus does when it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = False
        self.says_so = False
        self._on_gap: list[Callable[[], None]] = []

    def publish(self, user_id: str, event: ReplyEvent, *, origin: str = "") -> None:
        if not self.is_cut:
            super().publish(user_id, event, origin=origin)

    def listen(self, *, on_gap: Callable[[], None] | None = None, **listeners: object) -> None:
        super().listen(**listeners)
        if on_gap is not None:
            self._on_gap.append(on_gap)

    async def ping(self) -> None:
        if self.is_cut and self.says_so:
            raise NotifierUnavailableError("cut")

    def mend(self, *, told: bool = True) -> None:
        self.is_cut = False
        for on_gap in self._on_gap if told else ():
            on_gap()


@pytest.fixture
def container(llm: SteeredLLMClient) -> MemoryContainer:
    return MemoryContainer(llm, notifier=LossyNotifier())


async def test_who_stays_connected_gets_the_reply_that_ended_while_the_bus_was_away(
    container: MemoryContainer, llm: SteeredLLMClient
) -> None:
    notifier = container.notifier()
    assert isinstance(notifier, LossyNotifier)
    async with ApiServer.running(container) as api, api.client() as client:
        await client.send(type="message.send", message_id="m-1", msg_content="hi")
        record_id = (await client.frame())["record_id"]
        await client.frame_of("reply.started")
        notifier.is_cut = True
        (await llm.asked()).end("Hello")
        await eventually(lambda: reply_message_id(record_id) in container.store()._messages)
        notifier.mend()

        completed = await client.frame()

    assert (completed["type"], completed["message"]["msg_content"]) == ("reply.completed", "Hello")


async def test_a_reply_that_goes_on_after_the_gap_is_shown_whole(container: MemoryContainer, llm: SteeredLLMClient) -> None:
    notifier = container.notifier()
    assert isinstance(notifier, LossyNotifier)
    async with ApiServer.running(container) as api, api.client() as client:
        await client.send(type="message.send", message_id="m-1", msg_content="hi")
        stream = await llm.asked()
        stream.say("One")
        await client.frame_of("reply.delta")
        notifier.is_cut = True
        stream.say(", two")
        await eventually(lambda: not stream.has_unread)
        notifier.mend()
        stream.say(", three")
        stream.end()
        frames = await client.frames_until("reply.completed")

    text = "One"
    for frame in frames[:-1]:
        assert frame["offset"] <= len(text)
        text = text[: frame["offset"]] + frame["text"]
    assert text == "One, two, three" == frames[-1]["message"]["msg_content"]


async def test_a_gap_that_nobody_told_of_is_found_by_the_silence(
    container: MemoryContainer, llm: SteeredLLMClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_replies, "SILENT_S", 0.1)
    monkeypatch.setattr(event_gaps, "CHECK_S", 0.05)
    notifier = container.notifier()
    assert isinstance(notifier, LossyNotifier)
    async with ApiServer.running(container) as api, api.client() as client:
        await client.send(type="message.send", message_id="m-1", msg_content="hi")
        record_id = (await client.frame())["record_id"]
        await client.frame_of("reply.started")
        notifier.is_cut = True
        (await llm.asked()).end("Hello")
        await eventually(lambda: reply_message_id(record_id) in container.store()._messages)
        notifier.mend(told=False)

        assert (await client.frame())["type"] == "reply.completed"


async def test_while_the_bus_is_away_replies_come_from_the_store(
    container: MemoryContainer, llm: SteeredLLMClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_gaps, "CHECK_S", 0.05)
    notifier = container.notifier()
    assert isinstance(notifier, LossyNotifier)
    async with ApiServer.running(container) as api, api.client() as client:
        notifier.is_cut = notifier.says_so = True
        await client.send(type="message.send", message_id="m-1", msg_content="hi")
        (await llm.asked()).end("Hello")

        assert (await client.frame_of("reply.completed"))["message"]["msg_content"] == "Hello"


async def test_a_snapshot_takes_the_place_of_what_is_missing(container: MemoryContainer, llm: SteeredLLMClient) -> None:
    """A delta that does not fit makes the writer show the whole text; the client gets what it has not got."""
    notifier = container.notifier()
    assert isinstance(notifier, LossyNotifier)
    async with ApiServer.running(container) as api, api.client() as client:
        await client.send(type="message.send", message_id="m-1", msg_content="hi")
        record_id = (await client.frame())["record_id"]
        stream = await llm.asked()
        stream.say("One")
        await client.frame_of("reply.delta")

        notifier.publish("ann", ReplyDelta(record_id, 1, 50, "far ahead"))
        stream.say(", two")

        assert (await client.frame())["text"] == ", two"
