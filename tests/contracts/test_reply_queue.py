"""The contract of `ReplyQueue`, sentence by sentence, over every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.task_queue.reply_queue import CeleryReplyQueue
from imcore.errors import QueueUnavailableError
from tests.contracts.reply_queues import QueueRig, celery_rig, memory_rig
from tests.polling import eventually
from tests.servers import StartServer, ValkeyServer


@pytest.fixture(params=["memory", "celery"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[QueueRig]:
    opened = memory_rig() if request.param == "memory" else celery_rig(request.getfixturevalue("redis_url"))
    async with opened as rig:
        yield rig


async def test_a_hint_reaches_the_writers(rig: QueueRig) -> None:
    await rig.listen()
    rig.queue.enqueue(["ada", "bob"])
    await eventually(lambda: rig.writers.offers)
    assert rig.writers.offers == [["ada", "bob"]]


async def test_hints_wait_for_the_writers_to_come(rig: QueueRig) -> None:
    rig.queue.enqueue(["ada"])
    await _until_length(rig, 1)
    await rig.listen()
    await eventually(lambda: rig.writers.sessions == ["ada"])


async def test_hinting_returns_before_the_hint_is_delivered(rig: QueueRig) -> None:
    await rig.listen()
    rig.queue.enqueue(["ada"])
    assert rig.writers.offers == []
    await eventually(lambda: rig.writers.offers)


async def test_thousands_of_hints_all_arrive(rig: QueueRig) -> None:
    await rig.listen()
    sessions = {f"user-{number}" for number in range(5_000)}
    for session_id in sessions:
        rig.queue.enqueue([session_id])
    await eventually(lambda: sessions == set(rig.writers.sessions))


async def test_sessions_hinted_close_together_travel_together(rig: QueueRig) -> None:
    await rig.listen()
    for number in range(100):
        rig.queue.enqueue([f"user-{number}"])
    await eventually(lambda: len(rig.writers.sessions) == 100)
    assert len(rig.writers.offers) < 10


async def test_a_repeated_hint_is_harmless(rig: QueueRig) -> None:
    await rig.listen()
    for _ in range(10):
        rig.queue.enqueue(["ada", "ada"])
        await asyncio.sleep(0)
    rig.queue.enqueue(["bob"])
    await eventually(lambda: "bob" in rig.writers.sessions)
    assert set(rig.writers.sessions) == {"ada", "bob"}


async def test_a_hint_that_names_nobody_is_none(rig: QueueRig) -> None:
    await rig.listen()
    rig.queue.enqueue([])
    rig.queue.enqueue(["ada"])
    await eventually(lambda: rig.writers.offers)
    assert rig.writers.offers == [["ada"]]


async def test_while_the_writers_are_busy_the_rest_waits_in_the_queue(rig: QueueRig) -> None:
    rig.writers.free.clear()
    await rig.listen()
    rig.queue.enqueue(["first"])
    await eventually(lambda: rig.writers.sessions == ["first"])
    rig.queue.enqueue(["second", "third"])
    await _until_length(rig, 1)
    assert rig.writers.sessions == ["first"]
    rig.writers.free.set()
    await eventually(lambda: rig.writers.sessions == ["first", "second", "third"])


async def test_a_defect_in_the_writers_does_not_stop_the_hints(rig: QueueRig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.listen()
    rig.queue.enqueue(["defect"])
    await eventually(lambda: rig.writers.offers)
    rig.queue.enqueue(["ada"])
    await eventually(lambda: "ada" in rig.writers.sessions)
    assert "could not be handed to the writers" in caplog.text


async def test_the_length_counts_what_waits(rig: QueueRig) -> None:
    assert await rig.queue.length() == 0
    rig.queue.enqueue(["ada"])
    await _until_length(rig, 1)
    await rig.listen()
    await eventually(lambda: rig.writers.offers)
    assert await rig.queue.length() == 0


async def test_a_queue_that_can_deliver_answers_a_ping(rig: QueueRig) -> None:
    await rig.queue.ping()


async def _until_length(rig: QueueRig, at_least: int) -> None:
    async with asyncio.timeout(20):
        while (await rig.queue.length() or 0) < at_least:  # noqa: ASYNC110  (the broker cannot call back)
            await asyncio.sleep(0.005)


# What the contract says of a broker, over every adapter that has one


@pytest.fixture
def broker(start_server: StartServer) -> Iterator[ValkeyServer]:
    """A broker that the test may harm."""
    server = start_server(ValkeyServer)
    assert isinstance(server, ValkeyServer)
    yield server
    server.close()


@pytest.fixture(params=["dead", "hung"])
async def away(request: pytest.FixtureRequest, broker: ValkeyServer) -> AsyncIterator[CeleryReplyQueue]:
    """A queue that has worked and whose broker is away now."""
    async with celery_rig(broker.url) as rig:
        await rig.queue.ping()
        {"dead": broker.stop, "hung": broker.pause}[request.param]()
        assert isinstance(rig.queue, CeleryReplyQueue)
        yield rig.queue


async def test_hinting_does_not_wait_for_a_broker_that_is_away(away: CeleryReplyQueue) -> None:
    away.enqueue(["ada"])
    assert (away.published, away.dropped) == (0, 0), "it returned before anybody could know what becomes of the hint"


async def test_a_hint_that_cannot_be_delivered_is_dropped_and_counted(away: CeleryReplyQueue) -> None:
    away.enqueue(["ada", "bob"])
    await eventually(lambda: away.dropped == 2)
    assert away.published == 0


async def test_an_outage_is_logged_once(away: CeleryReplyQueue, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(300):
        away.enqueue([f"user-{number}"])
        await asyncio.sleep(0.002)
    await eventually(lambda: away.dropped == 300)
    assert caplog.text.count("hints are dropped until it works again") == 1


async def test_a_broker_that_is_away_has_no_length(away: CeleryReplyQueue) -> None:
    assert await away.length() is None


async def test_a_ping_says_that_the_broker_is_away(away: CeleryReplyQueue) -> None:
    with pytest.raises(QueueUnavailableError):
        await away.ping()


async def test_after_an_outage_hints_flow_again(broker: ValkeyServer) -> None:
    async with celery_rig(broker.url) as rig:
        await rig.listen()
        broker.stop()
        rig.queue.enqueue(["lost"])
        await eventually(lambda: rig.queue.dropped == 1)
        broker.start()
        while not rig.writers.offers:
            rig.queue.enqueue(["ada"])
            await asyncio.sleep(0.05)
        assert set(rig.writers.sessions) == {"ada"}


async def test_a_closed_queue_drops_hints_and_answers_no_ping(broker: ValkeyServer) -> None:
    async with celery_rig(broker.url) as rig:
        await rig.queue.close()
        rig.queue.enqueue(["ada"])
        assert rig.queue.dropped == 1
        with pytest.raises(QueueUnavailableError):
            await rig.queue.ping()


async def test_closing_delivers_what_was_hinted_just_before(redis_url: str) -> None:
    async with celery_rig(redis_url) as rig:
        rig.queue.enqueue([f"user-{number}" for number in range(1_000)])
        await rig.queue.close()
        assert (rig.queue.published, rig.queue.dropped) == (1_000, 0)
