"""The contract of `Notifier`, sentence by sentence, over every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from adapters.pubsub.notifier import RedisNotifier
from imcore.chat_record import ReplyError
from imcore.errors import NotifierUnavailableError
from imcore.events import (
    ReplyCancelled,
    ReplyCompleted,
    ReplyDelta,
    ReplyEvent,
    ReplyFailed,
    ReplyStarted,
    ShowReply,
    StopReply,
    TellAll,
    WriterRequest,
)
from imcore.message import Message, MessageType
from tests.contracts.notifiers import Heard, NotifierRig, memory_rig, redis_rig
from tests.polling import eventually
from tests.servers import StartServer, ValkeyServer

TIME = datetime(2026, 1, 31, 8, 15, 0, 123_000, tzinfo=UTC)
REPLY = Message("m-2", "ada:école", "im:ai", MessageType.AI_REPLY, "Grüße, 世界 👩‍👩‍👧!\n\u2028", TIME, TIME.replace(second=9), seq=2**62)
EVENTS: list[ReplyEvent] = [
    ReplyStarted("r-1", 1, "ada", "m-1", "m-2"),
    ReplyStarted("r-1", 1, "ada", "m-1", "m-2", "a process"),
    ReplyDelta("r-1", 1, 0, "Grüße, "),
    ReplyCompleted("r-1", 1, REPLY),
    ReplyFailed("r-2", 3, ReplyError("llm_timeout", 'no token in "20 s"')),
    ReplyCancelled("r-3", 1, REPLY),
    ReplyCancelled("r-4", 1, None),
]


@pytest.fixture(params=["memory", "redis"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[NotifierRig]:
    opened = memory_rig() if request.param == "memory" else redis_rig(request.getfixturevalue("redis_url"))
    async with opened as rig:
        yield rig


@pytest.fixture
async def heard(rig: NotifierRig) -> Heard:
    """What `rig.far` hears, from now on."""
    heard = Heard()
    heard.listen_to(rig.far)
    await rig.start()
    return heard


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
async def test_an_event_is_heard_as_it_was_published(event: ReplyEvent, rig: NotifierRig, heard: Heard) -> None:
    rig.near.publish("ada", event)
    await eventually(lambda: heard.events)
    assert heard.events == [("ada", event)]


@pytest.mark.parametrize("request_", [StopReply("r-1"), ShowReply("r-1"), TellAll()], ids=lambda request: request.type)
async def test_a_request_is_heard_as_it_was_published(request_: WriterRequest, rig: NotifierRig, heard: Heard) -> None:
    rig.near.publish_request(request_)
    await eventually(lambda: heard.requests)
    assert (heard.requests, heard.events) == ([request_], [])


async def test_publishing_returns_without_an_error_before_anybody_listens(rig: NotifierRig) -> None:
    rig.near.publish("ada", EVENTS[0])
    rig.near.publish_request(StopReply("r-1"))


async def test_events_are_heard_in_the_order_of_publishing(rig: NotifierRig, heard: Heard) -> None:
    published = [(f"user-{number % 7}", ReplyStarted(f"r-{number}", 1, "s", "m", "n")) for number in range(500)]
    for number, (user_id, event) in enumerate(published):
        rig.near.publish(user_id, event)
        if number % 50 == 0:
            await asyncio.sleep(0.001)  # so that they travel in several batches
    await eventually(lambda: len(heard.events) >= len(published))
    assert heard.events == published


async def test_what_is_told_to_one_process_comes_in_order_with_what_is_told_to_all(rig: NotifierRig, heard: Heard) -> None:
    published = [(f"user-{number % 7}", ReplyDelta(f"r-{number}", 1, 0, "text")) for number in range(500)]
    for number, (user_id, event) in enumerate(published):
        rig.near.publish(user_id, event, origin=rig.far.name if number % 3 else "")
        if number % 50 == 0:
            await asyncio.sleep(0.001)  # so that they travel in several batches
    await eventually(lambda: len(heard.events) >= len(published))
    assert heard.events == published


async def test_the_deltas_of_many_replies_make_up_their_texts(rig: NotifierRig, heard: Heard) -> None:
    pieces = ["Grüße", ", ", "世界", " 👩‍👩‍👧", "!"] * 20
    offset = 0
    for piece in pieces:
        for record_id in ("r-1", "r-2", "r-3"):
            rig.near.publish("ada", ReplyDelta(record_id, 1, offset, piece))
        offset += len(piece)
        await asyncio.sleep(0.001)  # as a model would
    rig.near.publish("ada", ReplyCompleted("r-3", 1, REPLY))
    await eventually(lambda: heard.events and isinstance(heard.events[-1][1], ReplyCompleted))
    assert [heard.text(record_id) for record_id in ("r-1", "r-2", "r-3")] == ["".join(pieces)] * 3


async def test_a_snapshot_and_a_new_attempt_stay_deltas_of_their_own(rig: NotifierRig, heard: Heard) -> None:
    deltas = [
        ReplyDelta("r-1", 1, 0, "one "),
        ReplyDelta("r-1", 1, 0, "one "),  # a snapshot
        ReplyDelta("r-1", 2, 0, "two "),
        ReplyDelta("r-1", 1, 4, "of the dead"),
        ReplyDelta("r-1", 2, 9, "after a hole"),
    ]
    for delta in deltas:
        rig.near.publish("ada", delta)
    await eventually(lambda: len(heard.events) == len(deltas))
    assert [event for _, event in heard.events] == deltas


async def test_every_listener_in_every_process_hears_everything_once(rig: NotifierRig) -> None:
    listeners = [Heard() for _ in range(3)]
    for heard, notifier in zip(listeners, [rig.near, rig.far, rig.far], strict=True):
        heard.listen_to(notifier)
    await rig.start()
    rig.near.publish("ada", EVENTS[0])
    rig.near.publish_request(StopReply("r-1"))
    await eventually(lambda: all(heard.events and heard.requests for heard in listeners))
    assert [(heard.events, heard.requests, heard.gaps) for heard in listeners] == [([("ada", EVENTS[0])], [StopReply("r-1")], 0)] * 3


async def test_a_listener_hears_only_what_it_listens_for(rig: NotifierRig) -> None:
    events, requests = [], []
    rig.far.listen(on_event=lambda _, event: events.append(event))
    rig.far.listen(on_request=requests.append)
    await rig.start()
    rig.near.publish("ada", EVENTS[0])
    rig.near.publish_request(StopReply("r-1"))
    await eventually(lambda: events and requests)
    assert (events, requests) == ([EVENTS[0]], [StopReply("r-1")])


async def test_a_listener_that_fails_hurts_nobody(rig: NotifierRig, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a defect in a listener")

    heard = Heard()
    rig.far.listen(on_event=fail, on_request=fail)
    heard.listen_to(rig.far)
    await rig.start()
    for _ in range(2):
        rig.near.publish("ada", EVENTS[0])
        rig.near.publish_request(StopReply("r-1"))
    await eventually(lambda: len(heard.events) == len(heard.requests) == 2)
    assert caplog.text.count("A listener failed") == 4


async def test_what_a_listener_publishes_is_heard_after_what_it_heard(rig: NotifierRig) -> None:
    heard = Heard()
    rig.near.listen(on_event=lambda _, event: rig.near.publish("ada", EVENTS[2]) if event == EVENTS[0] else None)
    heard.listen_to(rig.far)
    await rig.start()
    rig.near.publish("ada", EVENTS[0])
    await eventually(lambda: len(heard.events) == 2)
    assert heard.events == [("ada", EVENTS[0]), ("ada", EVENTS[2])]


async def test_text_that_is_no_unicode_keeps_nothing_else_waiting(rig: NotifierRig, heard: Heard) -> None:
    rig.near.publish("ada", ReplyDelta("r-1", 1, 0, "half of a pair: \ud83d"))
    rig.near.publish("ada", EVENTS[0])
    await eventually(lambda: ("ada", EVENTS[0]) in heard.events)


async def test_a_listener_that_comes_late_hears_what_is_published_then(rig: NotifierRig) -> None:
    heard = Heard()
    await rig.start()
    heard.listen_to(rig.far)
    async with asyncio.timeout(10):
        while not heard.events:
            rig.near.publish("ada", EVENTS[0])
            await asyncio.sleep(0.005)


async def test_a_notifier_that_can_deliver_answers_a_ping(rig: NotifierRig, heard: Heard) -> None:
    await rig.far.ping()
    assert heard.gaps == 0


# What the contract says of a broker, over every adapter that has one


@pytest.fixture
def broker(start_server: StartServer) -> Iterator[ValkeyServer]:
    """A broker that the test may harm."""
    server = start_server(ValkeyServer)
    assert isinstance(server, ValkeyServer)
    yield server
    server.close()


@pytest.fixture(params=["dead", "hung"])
async def away(request: pytest.FixtureRequest, broker: ValkeyServer) -> AsyncIterator[RedisNotifier]:
    """A notifier that has worked and whose broker is away now."""
    async with redis_rig(broker.url) as rig:
        Heard().listen_to(rig.near)
        await rig.start()
        {"dead": broker.stop, "hung": broker.pause}[request.param]()
        assert isinstance(rig.near, RedisNotifier)
        yield rig.near


async def test_publishing_does_not_wait_for_a_broker_that_is_away(away: RedisNotifier) -> None:
    away.publish("ada", EVENTS[0])
    away.publish_request(StopReply("r-1"))
    assert (away.published, away.dropped) == (0, 0), "it returned before anybody could know what becomes of them"


async def test_what_cannot_be_delivered_is_dropped(away: RedisNotifier) -> None:
    for event in EVENTS:
        away.publish("ada", event)
    await eventually(lambda: away.dropped == len(EVENTS))
    assert away.published == 0


async def test_an_outage_is_logged_once(away: RedisNotifier, caplog: pytest.LogCaptureFixture) -> None:
    away.publish("ada", EVENTS[0])
    await eventually(lambda: away.dropped == 1)
    for _ in range(200):
        away.publish("ada", EVENTS[0])
        await asyncio.sleep(0.002)
    assert away.dropped == 201
    assert caplog.text.count("they are dropped until it does") == 1


async def test_a_ping_says_that_the_broker_is_away(away: RedisNotifier) -> None:
    with pytest.raises(NotifierUnavailableError):
        await away.ping()


async def test_a_listener_that_was_cut_off_hears_of_the_gap_and_then_of_what_follows(broker: ValkeyServer) -> None:
    heard = Heard()
    async with redis_rig(broker.url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        for outage in range(1, 4):
            broker.restart()
            await eventually(lambda outage=outage: heard.gaps >= outage)
            await eventually(lambda: _is_well(rig))
            heard.events.clear()
            rig.near.publish("ada", EVENTS[0])
            await eventually(lambda: heard.events == [("ada", EVENTS[0])])


def _is_well(rig: NotifierRig) -> bool:
    assert isinstance(rig.far, RedisNotifier)
    return rig.far._subscriber.is_subscribed
