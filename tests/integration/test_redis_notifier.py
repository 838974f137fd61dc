"""RedisNotifier against a real server that is harmed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import orjson
import pytest
import redis

from adapters.pubsub.notifier import RedisNotifier
from imcore.errors import NotifierUnavailableError
from imcore.events import ReplyDelta, ReplyStarted, ShowReply, StopReply
from tests.contracts.notifiers import Heard, redis_rig
from tests.polling import eventually
from tests.servers import StartServer, ValkeyServer

STARTED = ReplyStarted("r-1", 1, "ada", "m-1", "m-2")


@pytest.fixture
def broker(start_server: StartServer) -> Iterator[ValkeyServer]:
    """A broker that the test may harm."""
    server = start_server(ValkeyServer)
    assert isinstance(server, ValkeyServer)
    yield server
    server.close()


@pytest.fixture
def client(broker: ValkeyServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker.url) as client:
        yield client


async def test_events_that_wait_together_travel_in_one_message(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        async with redis_rig(redis_url) as rig:
            await rig.start()
            before = _publish_calls(client)
            for number in range(100):
                rig.near.publish("ada", ReplyStarted(f"r-{number}", 1, "ada", "m-1", "m-2"))
            await eventually(lambda: rig.near.published == 100)
            assert _publish_calls(client) - before == 1


def _publish_calls(client: redis.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_publish", {}).get("calls", 0))


async def test_what_is_told_to_one_process_is_not_heard_by_others(redis_url: str) -> None:
    near, far = Heard(), Heard()
    async with redis_rig(redis_url) as rig:
        near.listen_to(rig.near)
        far.listen_to(rig.far)
        await rig.start()
        rig.near.publish("ada", ReplyDelta("r-1", 1, 0, "alone"), origin=rig.far.name)
        rig.near.publish("ada", STARTED)
        await eventually(lambda: near.events and len(far.events) == 2)
        assert near.events == [("ada", STARTED)]
        assert far.events == [("ada", ReplyDelta("r-1", 1, 0, "alone")), ("ada", STARTED)]


async def test_a_process_names_itself_only_while_others_listen_as_well(redis_url: str) -> None:
    alone, other, deaf = (RedisNotifier(redis_url, count_s=0.02) for _ in range(3))
    Heard().listen_to(alone)
    Heard().listen_to(other)
    for notifier in (alone, deaf):
        await notifier.start()
    assert (alone.origin, deaf.origin) == ("", "")
    await other.start()
    await eventually(lambda: alone.origin == alone.name and other.origin == other.name)
    assert deaf.origin == ""
    await other.close()
    await eventually(lambda: alone.origin == "")
    for notifier in (alone, deaf):
        await notifier.close()


async def test_deltas_that_follow_one_another_leave_as_one(redis_url: str) -> None:
    heard = Heard()
    async with redis_rig(redis_url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        rig.near.publish("ada", ReplyDelta("r-1", 1, 6, "second "))
        rig.near.publish("ada", ReplyDelta("r-1", 1, 13, "third"))
        rig.near.publish("ada", STARTED)
        await eventually(lambda: len(heard.events) == 2)
    assert heard.events == [("ada", ReplyDelta("r-1", 1, 6, "second third")), ("ada", STARTED)]


async def test_closing_publishes_what_still_waits(redis_url: str) -> None:
    heard = Heard()
    async with redis_rig(redis_url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        rig.near.publish("ada", ReplyDelta("r-1", 1, 6, "second "))
        assert isinstance(rig.near, RedisNotifier)
        await rig.near.close()
        await eventually(lambda: heard.events)
        rig.near.publish("ada", STARTED)
        assert rig.near.dropped == 1


async def test_a_process_that_only_hears_requests_is_spared_the_events(broker: ValkeyServer, client: redis.Redis) -> None:
    requests: list[object] = []
    async with redis_rig(broker.url) as rig:
        rig.far.listen(on_request=requests.append)
        await rig.start()
        assert client.pubsub_channels() == [b"im:requests"]


async def test_what_cannot_be_read_is_skipped(broker: ValkeyServer, client: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    async with redis_rig(broker.url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        for payload in (b"\xff no JSON", b"{}", b"7", b"[]", b'[["reply.later"], 7, "x"]'):
            client.publish("im:events", payload)
            client.publish("im:requests", payload)
        rig.near.publish("ada", STARTED)
        rig.near.publish_request(StopReply("r-1"))
        await eventually(lambda: heard.events and heard.requests)
    assert (heard.events, heard.requests) == ([("ada", STARTED)], [StopReply("r-1")])
    assert "skipped" in caplog.text


async def test_an_item_that_cannot_be_read_spares_its_neighbours(broker: ValkeyServer, client: redis.Redis) -> None:
    heard = Heard()
    async with redis_rig(broker.url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        later = ["ada", "reply.of_a_later_version", "r-1", 1, {}]
        client.publish("im:events", orjson.dumps([later, ["ada", "reply.delta", "r-1", 1, 0, "Hi"], later]))
        await eventually(lambda: heard.events)
    assert heard.events == [("ada", ReplyDelta("r-1", 1, 0, "Hi"))]


async def test_a_publisher_that_was_idle_while_the_server_restarted_loses_nothing(broker: ValkeyServer) -> None:
    heard = Heard()
    async with redis_rig(broker.url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        rig.near.publish("ada", STARTED)
        await eventually(lambda: heard.events)
        broker.restart()
        await eventually(lambda: heard.gaps)
        rig.near.publish_request(StopReply("r-1"))
        await eventually(lambda: heard.requests)
        assert isinstance(rig.near, RedisNotifier)
        assert rig.near.dropped == 0


async def test_listeners_hear_of_a_gap_when_only_the_publisher_was_cut_off(broker: ValkeyServer, client: redis.Redis) -> None:
    heard = Heard()
    async with redis_rig(broker.url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        rig.near.publish("ada", STARTED)
        await eventually(lambda: heard.events)
        client.client_kill_filter(_type="normal", skipme=True)
        assert isinstance(rig.near, RedisNotifier)
        rig.near.publish("ada", ReplyDelta("r-1", 1, 0, "at once, before the cut is noticed"))
        await eventually(lambda: heard.gaps)
        assert rig.near.dropped == 1
        await _publish_until_heard(rig.near, heard, "r-2")  # the listener may know of the gap before the publisher has its answer


async def test_events_flow_again_after_all_connections_were_cut(broker: ValkeyServer, client: redis.Redis) -> None:
    heard = Heard()
    async with redis_rig(broker.url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        for cut in range(1, 4):
            for kind in ("pubsub", "normal"):
                client.client_kill_filter(_type=kind, skipme=True)
            await eventually(lambda cut=cut: heard.gaps >= cut)
            await _publish_until_heard(rig.near, heard, f"r-{cut}")


async def test_events_flow_again_after_the_server_hung(broker: ValkeyServer) -> None:
    heard = Heard()
    async with redis_rig(broker.url, silence_s=0.3) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        broker.pause()
        assert isinstance(rig.near, RedisNotifier)
        near = rig.near
        near.publish("ada", STARTED)
        await eventually(lambda: near.dropped)
        broker.resume()
        await eventually(lambda: heard.gaps)
        await _publish_until_heard(near, heard, "r-2")


async def _publish_until_heard(notifier: object, heard: Heard, record_id: str) -> None:
    assert isinstance(notifier, RedisNotifier)
    async with asyncio.timeout(20):
        while ShowReply(record_id) not in heard.requests:
            notifier.publish_request(ShowReply(record_id))
            await asyncio.sleep(0.01)


async def test_silence_is_no_gap(redis_url: str) -> None:
    heard = Heard()
    async with redis_rig(redis_url, silence_s=0.02) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        await asyncio.sleep(0.3)  # many times the silence
        rig.near.publish("ada", STARTED)
        await eventually(lambda: heard.events)
    assert heard.gaps == 0


async def test_a_notifier_that_starts_before_its_server_tells_of_the_gap(broker: ValkeyServer) -> None:
    heard = Heard()
    broker.stop()
    async with redis_rig(broker.url) as rig:
        heard.listen_to(rig.far)
        await rig.start()
        with pytest.raises(NotifierUnavailableError):
            await rig.far.ping()
        broker.start()
        await eventually(lambda: heard.gaps)
        await rig.far.ping()
        await _publish_until_heard(rig.near, heard, "r-1")


async def test_a_notifier_that_was_never_started_closes(redis_url: str) -> None:
    notifier = RedisNotifier(redis_url)
    notifier.publish("ada", STARTED)
    await notifier.close()
