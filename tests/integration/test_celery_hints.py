"""The Celery worker inside a process, against a real server that is harmed."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import redis

from adapters.pubsub.connection import redis_client
from adapters.task_queue.celery_app import HINT_TASK, celery_app
from adapters.task_queue.consumer import CeleryHintConsumer
from adapters.task_queue.hint_broker import HintBroker
from adapters.task_queue.reply_queue import CeleryReplyQueue
from imcore.errors import QueueUnavailableError
from tests.contracts.reply_queues import QueueRig, Writers, celery_rig
from tests.polling import eventually
from tests.servers import StartServer, ValkeyServer

KEY = "im:celery:hints"


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


async def _hint_until_heard(rig: QueueRig, session_id: str) -> None:
    async with asyncio.timeout(20):
        while session_id not in rig.writers.sessions:
            rig.queue.enqueue([session_id])
            await asyncio.sleep(0.02)


async def test_hints_flow_again_after_each_restart_without_data(broker: ValkeyServer) -> None:
    async with celery_rig(broker.url) as rig:
        await rig.listen()
        await _hint_until_heard(rig, "before")
        for restart in range(3):
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(0.3)  # long enough for worker and queue to knock in vain
            broker.start()
            await _hint_until_heard(rig, f"after-{restart}")


async def test_hints_flow_again_after_all_connections_were_cut(broker: ValkeyServer, client: redis.Redis) -> None:
    async with celery_rig(broker.url) as rig:
        await rig.listen()
        for cut in range(3):
            await _hint_until_heard(rig, f"before-{cut}")
            client.client_kill_filter(_type="normal", skipme=True)
            await _hint_until_heard(rig, f"after-{cut}")


async def test_a_connection_that_was_cut_while_idle_costs_no_hint(broker: ValkeyServer, client: redis.Redis) -> None:
    async with celery_rig(broker.url) as rig:
        assert isinstance(rig.queue, CeleryReplyQueue)
        queue = rig.queue
        queue.enqueue(["before"])
        await eventually(lambda: queue.published == 1)
        client.client_kill_filter(_type="normal", skipme=True)
        queue.enqueue(["after"])
        await eventually(lambda: queue.published == 2)
        assert queue.dropped == 0


async def test_what_one_turn_of_the_loop_hints_at_is_one_task(broker: ValkeyServer, client: redis.Redis) -> None:
    async with celery_rig(broker.url) as rig:
        assert isinstance(rig.queue, CeleryReplyQueue)
        queue = rig.queue
        for turn in (1, 2):
            for number in range(20):
                queue.enqueue([f"{turn}-{number}"])
            await eventually(lambda turn=turn: queue.published == 20 * turn)
            assert client.llen(KEY) == turn


async def test_a_hint_from_outside_the_loop_is_refused_before_anything_changes(broker: ValkeyServer, client: redis.Redis) -> None:
    async with celery_rig(broker.url) as rig:
        rig.queue.enqueue(["inside"])
        with pytest.raises(RuntimeError, match="no running event loop"):
            await asyncio.to_thread(rig.queue.enqueue, ["outside"])
        await eventually(lambda: rig.queue.published == 1)
        assert client.llen(KEY) == 1
        assert rig.queue.dropped == 0


async def test_a_connection_to_a_server_that_became_a_replica_is_given_up(broker: ValkeyServer, client: redis.Redis) -> None:
    """Its name may lead to another one by now."""
    async with celery_rig(broker.url) as rig:
        await rig.queue.ping()
        before = _connections_of_hints(client)
        client.replicaof("127.0.0.1", 1)
        rig.queue.enqueue(["ada"])
        await eventually(lambda: rig.queue.dropped == 1)
        assert not before & _connections_of_hints(client)
        client.replicaof("NO", "ONE")
        await _until_published(rig)


def _connections_of_hints(client: redis.Redis) -> set[str]:
    return {each["id"] for each in client.client_list() if each["name"] == "hints"}


async def _until_published(rig: QueueRig) -> None:
    async with asyncio.timeout(20):
        while not rig.queue.published:
            rig.queue.enqueue(["bob"])
            await asyncio.sleep(0.02)


async def test_whoever_asks_for_the_length_connects_for_the_first_hint_too(broker: ValkeyServer, client: redis.Redis) -> None:
    async with celery_rig(broker.url) as rig:
        assert await rig.queue.length() == 0
        connections = len(client.client_list())
        rig.queue.enqueue(["alice"])
        await eventually(lambda: rig.queue.published == 1)
        assert len(client.client_list()) == connections


async def test_hints_flow_again_after_the_broker_hung(broker: ValkeyServer) -> None:
    async with celery_rig(broker.url) as rig:
        await rig.listen()
        await _hint_until_heard(rig, "before")
        broker.pause()
        rig.queue.enqueue(["meanwhile"])
        assert isinstance(rig.queue, CeleryReplyQueue)
        queue = rig.queue
        await eventually(lambda: queue.dropped)
        broker.resume()
        await _hint_until_heard(rig, "after")


async def test_a_worker_that_starts_before_its_broker_waits_for_it(broker: ValkeyServer) -> None:
    broker.stop()
    async with celery_rig(broker.url) as rig:
        await rig.listen()
        await asyncio.sleep(0.3)  # long enough for a first attempt
        broker.start()
        await _hint_until_heard(rig, "ada")


def _message(body: object, *, headers: object = None) -> str:
    """A message as kombu puts it in the list, with whatever body."""
    text = body if isinstance(body, str) else base64.b64encode(json.dumps(body).encode()).decode()
    properties = {"delivery_tag": "1", "delivery_info": {"exchange": "", "routing_key": "hints"}, "body_encoding": "base64"}
    envelope = {"body": text, "content-type": "application/json", "content-encoding": "utf-8", "properties": properties}
    return json.dumps(envelope | {"headers": {"task": HINT_TASK, "id": "1"} if headers is None else headers})


MALFORMED = {
    "no JSON": "\x00 no JSON",
    "no envelope": "{}",
    "a list": "[]",
    "no headers": _message([[["ada"]], {}, None], headers={}),
    "a body that is no base64": _message("no base64!"),
    "a body that is no JSON": _message(base64.b64encode(b"no JSON").decode()),
    "a body of another shape": _message([]),
    "another task": _message([[["ada"]], {}, None], headers={"task": "foreign.task", "id": "2"}),
    "no session ids": _message([[], {}, None]),
    "a number for session ids": _message([[7], {}, None]),
    "numbers for session ids": _message([[[7]], {}, None]),
    "session ids by place and by name": _message([[["twice"]], {"session_ids": ["twice"]}, None]),
    "a message of Celery's first protocol": _message({"task": HINT_TASK, "id": "3", "args": [["old"]], "kwargs": {}}, headers={}),
    "arguments of a later version": _message([[["new"], "more"], {"and": "more"}, None]),
}


async def test_nothing_that_lies_in_the_queue_stops_the_worker(broker: ValkeyServer, client: redis.Redis) -> None:
    async with celery_rig(broker.url) as rig:
        await rig.listen()
        for what, malformed in MALFORMED.items():
            client.lpush(KEY, malformed)
            await _hint_until_heard(rig, f"after {what}")
        await eventually(lambda: client.llen(KEY) == 0)


async def test_a_stopped_worker_takes_nothing_more_and_gives_back_what_it_held(broker: ValkeyServer, client: redis.Redis) -> None:
    async with celery_rig(broker.url) as rig:
        rig.writers.free.clear()
        await rig.listen()
        await _hint_until_heard(rig, "held")
        rig.queue.enqueue(["waiting"])
        await eventually(lambda: client.llen(KEY) >= 1)
        client.delete(KEY)
    assert b"held" in base64.b64decode(json.loads(client.lindex(KEY, 0))["body"])
    assert rig.writers.sessions.count("held") == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("imcore")]


async def test_a_worker_can_be_stopped_while_its_broker_is_away(broker: ValkeyServer) -> None:
    async with celery_rig(broker.url) as rig:
        await rig.listen()
        await _hint_until_heard(rig, "ada")
        broker.stop()
        await asyncio.sleep(0.3)  # it is knocking now
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("imcore")]


@asynccontextmanager
async def _consuming(redis_url: str, **options: float) -> AsyncIterator[tuple[CeleryHintConsumer, CeleryReplyQueue, Writers]]:
    with celery_app(redis_url) as app:
        client = redis_client(redis_url, name="hints", repeats=True)
        queue, writers = CeleryReplyQueue(HintBroker(app, client), open_s=0.2), Writers()
        consumer = CeleryHintConsumer(app, queue, writers.offer, **options)
        await consumer.start()
        await eventually(lambda: _is_well(consumer))
        yield consumer, queue, writers
        await consumer.stop()
        await queue.close()


async def test_a_worker_that_looks_well_and_takes_nothing_is_replaced(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with _consuming(redis_url, stall_s=0.5) as (consumer, queue, writers):
        worker = consumer._link._consumer
        assert worker is not None
        worker.call_soon(worker.task_consumer.cancel)
        queue.enqueue(["ada"])
        await eventually(lambda: "replacing it" in caplog.text)
        await eventually(lambda: writers.sessions == ["ada"])


async def test_a_worker_that_has_nothing_to_take_is_left_alone(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with _consuming(redis_url, stall_s=0.05) as (_, queue, writers):
        await asyncio.sleep(0.5)  # ten times what a stall takes
        queue.enqueue(["ada"])
        await eventually(lambda: writers.sessions == ["ada"])
    assert "replacing it" not in caplog.text


async def test_the_health_check_follows_the_connection(broker: ValkeyServer) -> None:
    async with _consuming(broker.url) as (consumer, _, _):
        broker.stop()
        await eventually(lambda: not _is_well(consumer))
        broker.start()
        await eventually(lambda: _is_well(consumer))
    assert not _is_well(consumer)


def _is_well(consumer: CeleryHintConsumer) -> bool:
    try:
        consumer.check()
    except QueueUnavailableError:
        return False
    return True


async def test_the_worker_leaves_signals_and_logging_alone(redis_url: str) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)}
    logs = list(logging.getLogger().handlers)
    async with celery_rig(redis_url) as rig:
        await rig.listen()
        await _hint_until_heard(rig, "ada")
        assert {number: signal.getsignal(number) for number in handlers} == handlers
        assert logging.getLogger().handlers == logs


async def test_the_list_in_redis_has_the_documented_name(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        async with celery_rig(redis_url) as rig:
            rig.queue.enqueue(["ada"])
            await eventually(lambda: client.llen(KEY) == 1)
