"""Faults of Redis: the hints and the push are gone, for a moment or for a minute."""

from __future__ import annotations

import asyncio

from redis import Redis
from redis.exceptions import RedisError

from tests.faults.crowd import Load
from tests.faults.evidence import Evidence
from tests.faults.fault import Fault
from tests.faults.scene import Scene, blocking
from tests.faults.times import acceptances, quantile
from tests.servers import ValkeyServer

AWAY_S = 60.0
RESTARTS = 20
LISTEN_WITHIN_S = 10.0


async def restart(scene: Scene) -> None:
    """It comes back empty."""
    redis = _redis(scene)
    scene.breaks("restarting Redis without its data")
    await blocking(redis.restart)
    scene.is_back("Redis is back")


async def flush(scene: Scene) -> None:
    """FLUSHALL: all hints are gone, every connection stays."""
    with Redis.from_url(_redis(scene).url) as client:
        client.flushall()
    scene.breaks("FLUSHALL")


async def stay_away(scene: Scene, away_s: float = AWAY_S) -> None:
    """Sends go on meanwhile."""
    redis = _redis(scene)
    await blocking(redis.kill)
    scene.breaks(f"Redis is gone for {away_s:g} s")
    await asyncio.sleep(away_s)
    await blocking(redis.start)
    scene.is_back("Redis is back")


async def sends_went_on(scene: Scene, evidence: Evidence) -> None:
    """Between the beginning of the outage and its end messages were accepted all the time."""
    del evidence
    times = acceptances(scene.crowd.users, scene.broken, scene.mended - 1)
    scene.figures["accepted in the outage"] = len(times)
    scene.figures["accept p99 in the outage"] = round(quantile(times, 0.99) or 0, 4)
    scene.check(times, "nothing was accepted while Redis was away")


async def restart_often(scene: Scene) -> None:
    """After each restart all workers must wait at the queue again."""
    redis = _redis(scene)
    for number in range(1, RESTARTS + 1):
        scene.breaks(f"restart {number} of {RESTARTS}")
        await blocking(redis.restart)
        scene.is_back("Redis is back")
        await workers_listen(scene, f"after restart {number} not every worker takes hints")
        await asyncio.sleep(scene.random.uniform(0, 2))


async def workers_listen(scene: Scene, problem: str) -> None:
    """A problem unless every worker comes to wait for hints."""
    redis, wanted = _redis(scene), len(scene.installation.workers)
    await scene.eventually(lambda: _listeners(redis) >= wanted, LISTEN_WITHIN_S, problem)


def _listeners(redis: ValkeyServer) -> int:
    """How many connections wait at a queue: the last command of a Celery worker is BRPOP."""
    try:
        with Redis.from_url(redis.url, socket_timeout=2) as client:
            return sum(connection["cmd"].lower() == "brpop" for connection in client.client_list())
    except RedisError:
        return 0


def _redis(scene: Scene) -> ValkeyServer:
    redis = scene.installation.redis
    assert redis is not None, "embedded mode has no Redis to be harmed"
    return redis


_STEADY = Load(pause_s=4.0)

FAULTS = (
    Fault("redis-restarted", "Redis restarted without its data", restart),
    Fault("redis-flushed", "FLUSHALL", flush),
    Fault("redis-away", f"Redis gone for {AWAY_S:g} s; sends go on", stay_away, load=_STEADY, check=sends_went_on),
    Fault("redis-restarted-often", f"Redis restarted {RESTARTS} times; workers go on taking hints", restart_often, load=_STEADY),
)
