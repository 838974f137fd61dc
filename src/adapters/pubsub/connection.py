"""The client for Redis, from the URL that operators write."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import Redis, Sentinel
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, ReadOnlyError  # noqa: A004  # Redis' own, which is not Python's
from redis.maint_notifications import MaintNotificationsConfig

_TIMEOUT_S = 1

_ONCE = Retry(NoBackoff(), 0)
_ONCE_MORE = Retry(NoBackoff(), 1, supported_errors=(ConnectionError, ReadOnlyError))
_OPTIONS: dict[str, Any] = {
    "socket_timeout": _TIMEOUT_S,
    "socket_connect_timeout": _TIMEOUT_S,
    "socket_keepalive": True,
    "retry": _ONCE,  # also of Sentinels: there are others to ask
}


def redis_client(url: str, *, name: str, repeats: bool = False) -> Redis:
    """Not connected yet; `name` is what the server lists it under. It fails within about a second.

    A command that was cut off is given up, for nobody knows whether it was done. With `repeats` it is given once more on a new connection,
    also where the server has become a replica: its name may lead to another one now.

    `redis://`, `rediss://`, or `sentinel://[user:password@]host:port;sentinel://host:port/db?master_name=mymaster`.

    Raises:
        ValueError: another kind of URL.
    """
    options = {
        **_OPTIONS,
        "retry": _ONCE_MORE if repeats else _ONCE,
        "client_name": name,
        "protocol": 2,  # in version 3 redis-py makes a line for its log of each message, whether it is logged or not
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    return _master(url, options) if url.startswith("sentinel://") else Redis.from_url(url, **options)


class _Master(Redis):
    """What Sentinels say is the master."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close its connections, those to Sentinels too."""
        await super().aclose(close_connection_pool)
        assert isinstance(self.connection_pool, SentinelConnectionPool)  # noqa: S101  # it was made by a Sentinel
        await self.connection_pool.sentinel_manager.aclose()


def _master(url: str, options: dict[str, Any]) -> Redis:
    """The first Sentinel's URL carries user and password of the master, the last one its database and name."""
    sentinels = [urlsplit(part) for part in url.split(";")]
    first, last = sentinels[0], sentinels[-1]
    user, password = (None if text is None else unquote(text) for text in (first.username, first.password))
    hosts = [(sentinel.hostname, sentinel.port or 26379) for sentinel in sentinels]
    name = dict(parse_qsl(last.query)).get("master_name", "mymaster")
    found = Sentinel(hosts, sentinel_kwargs=_OPTIONS, **options)  # type: ignore[no-untyped-call]  # it has no types
    master: Redis = found.master_for(name, redis_class=_Master, username=user or None, password=password, db=int(last.path.strip("/") or 0))
    return master
