"""A hint is a Celery message: what our queue publishes and what Celery's `send_task` publishes are one and the same."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis

from adapters.pubsub.connection import redis_client
from adapters.task_queue.celery_app import HINT_QUEUE, HINT_TASK, celery_app
from adapters.task_queue.hint_broker import HintBroker
from tests.contracts.reply_queues import celery_rig
from tests.polling import eventually

STOCK_WORKER = """
import sys
import redis
from celery import Celery

app = Celery("stock", broker=sys.argv[1])
app.conf.broker_transport_options = {"global_keyprefix": "im:celery:"}
heard = redis.Redis.from_url(sys.argv[1])

@app.task(name="imcore.hint")
def hint(session_ids):
    heard.rpush("heard", *session_ids)

app.worker_main(["worker", "--pool=solo", "--queues=hints", "--loglevel=WARNING"])
"""
"""A worker that knows nothing of imcore but the names of queue and task; all else is Celery's default."""


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


async def _publish_both(redis_url: str) -> None:
    """A hint for `sent` by `send_task`, then one for `rendered` by our own."""
    with celery_app(redis_url) as app:
        await asyncio.to_thread(app.send_task, HINT_TASK, (["sent"],), queue=HINT_QUEUE, ignore_result=True)
        broker = HintBroker(app, redis_client(redis_url, name="hints"))
        await broker.publish(["rendered"])
        await broker.close()


def _without_what_differs(message: str | bytes) -> tuple[dict[str, Any], Any]:
    """The envelope without ids and texts for people, and the task's body with its session ids blanked."""
    envelope = json.loads(message)
    for name in ("id", "root_id", "argsrepr", "kwargsrepr"):
        assert envelope["headers"].pop(name) is not None
    for name in ("correlation_id", "delivery_tag", "reply_to"):
        assert envelope["properties"].pop(name) is not None
    args, *rest = json.loads(base64.b64decode(envelope.pop("body")))
    return envelope, [len(args), *rest]


async def test_a_hint_is_what_send_task_would_have_published(redis_url: str, client: redis.Redis) -> None:
    await _publish_both(redis_url)
    rendered, sent = client.lrange("im:celery:hints", 0, -1)
    assert _without_what_differs(rendered) == _without_what_differs(sent)


async def test_the_writers_hear_both(redis_url: str) -> None:
    async with celery_rig(redis_url) as rig:
        await rig.listen()
        await _publish_both(redis_url)
        await eventually(lambda: rig.writers.sessions == ["sent", "rendered"])


async def test_the_writers_hear_where_the_messages_came_in(redis_url: str) -> None:
    names = iter(["left", "", "right"])
    async with celery_rig(redis_url, origin=lambda: next(names)) as rig:
        await rig.listen()
        for number in range(3):
            rig.queue.enqueue([f"s-{number}"])
            await eventually(lambda number=number: len(rig.writers.offers) > number)
        assert rig.writers.offers == [["s-0"], ["s-1"], ["s-2"]]
        assert rig.writers.origins == ["left", "", "right"]


async def test_a_hint_from_nowhere_that_anybody_could_name_is_taken_all_the_same(redis_url: str) -> None:
    async with celery_rig(redis_url) as rig:
        await rig.listen()
        with celery_app(redis_url) as app:
            await asyncio.to_thread(app.send_task, HINT_TASK, (["sent"], {"not": "a name"}), queue=HINT_QUEUE, ignore_result=True)
        await eventually(lambda: rig.writers.offers)
        assert (rig.writers.sessions, rig.writers.origins) == (["sent"], [""])


async def test_any_celery_worker_hears_both(redis_url: str, client: redis.Redis) -> None:
    await _publish_both(redis_url)
    async with _stock_worker(redis_url):
        await eventually(lambda: client.lrange("heard", 0, -1) == ["sent", "rendered"])


@asynccontextmanager
async def _stock_worker(redis_url: str) -> AsyncIterator[None]:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", STOCK_WORKER, redis_url)
    try:
        yield
    finally:
        worker.terminate()
        await worker.wait()
