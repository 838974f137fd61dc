"""The client for Redis, from the URL that operators write."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import Redis, Sentinel
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

_TIMEOUT_S = 1
_OPTIONS: dict[str, Any] = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S, "socket_keepalive": True}


def redis_client(url: str) -> Redis:
    """Not connected yet. It fails within about a second and tries nothing twice: no message may be published twice.

    `redis://`, `rediss://`, or `sentinel://[user:password@]host:port;sentinel://host:port/db?master_name=mymaster`.

    Raises:
        ValueError: another kind of URL.
    """
    options = {
        **_OPTIONS,
        "retry": Retry(NoBackoff(), 0),
        "client_name": "imcore-pubsub",
        "protocol": 2,  # in version 3 redis-py makes a line for its log of each message, whether it is logged or not
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    return _master(url, options) if url.startswith("sentinel://") else Redis.from_url(url, **options)


async def close_client(client: Redis) -> None:
    """Close its connections, those to Sentinels too."""
    await client.aclose()
    if isinstance(client.connection_pool, SentinelConnectionPool):
        await client.connection_pool.sentinel_manager.aclose()


def _master(url: str, options: dict[str, Any]) -> Redis:
    """The first Sentinel's URL carries user and password of the master, the last one its database and name."""
    sentinels = [urlsplit(part) for part in url.split(";")]
    first, last = sentinels[0], sentinels[-1]
    user, password = (None if text is None else unquote(text) for text in (first.username, first.password))
    hosts = [(sentinel.hostname, sentinel.port or 26379) for sentinel in sentinels]
    name = dict(parse_qsl(last.query)).get("master_name", "mymaster")
    found = Sentinel(hosts, sentinel_kwargs=_OPTIONS, **options)  # type: ignore[no-untyped-call]  # it has no types
    master: Redis = found.master_for(name, username=user or None, password=password, db=int(last.path.strip("/") or 0))
    return master
