"""How often a user may do something: a sliding window, in memory, or in Redis for all processes together."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisSentinelStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from imcore.errors import RateLimitedError

log = logging.getLogger(__name__)

OFF = {"", "off"}
PATIENCE_S = 0.1
PAUSE_S = 2.0
MAX_AT_ONCE = 64


class RateLimit:
    """`text` as in `60/minute` or `10/second;60/minute`; `off` for none.

    A Redis that does not answer within `PATIENCE_S` limits nobody, and is left alone for `PAUSE_S`: a send never waits for it.
    """

    def __init__(self, text: str, redis_url: str | None = None) -> None:
        self._items: list[RateLimitItem] = [] if text.strip().lower() in OFF else parse_many(text)
        self._storage = _redis_storage(redis_url) if redis_url and self._items else MemoryStorage()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)
        self._away_until = 0.0

    @property
    def headers(self) -> dict[str, str]:
        """What clients are told of the limit that counts first."""
        if not self._items:
            return {}
        item = self._items[0]
        return {"RateLimit-Limit": str(item.amount), "RateLimit-Policy": f"{item.amount};w={item.get_expiry()}"}

    async def hit(self, action: str, who: str) -> None:
        """Count `action` of `who`; raises `RateLimitedError` with the time to wait if that is one too many."""
        for item in self._items:
            wait_s = await self._wait_s(item, action, who)
            if wait_s is not None:
                raise RateLimitedError(f"At most {item.amount} per {item.multiples} {item.GRANULARITY.name} are accepted.", wait_s)

    async def close(self) -> None:
        if isinstance(self._storage, RedisStorage):
            await self._storage.bridge.get_connection().aclose()  # type: ignore[attr-defined]  # limits' type of a client knows no aclose

    async def _wait_s(self, item: RateLimitItem, *key: str) -> float | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S), self._at_once:
                if await self._limiter.hit(item, *key):
                    return None
                stats = await self._limiter.get_window_stats(item, *key)
        except (StorageError, TimeoutError, OSError) as error:
            self._away_until = time.monotonic() + PAUSE_S
            log.warning("the rate limit is not counted: its storage does not answer", extra={"detail": repr(error)})
            return None
        return max(0.0, stats.reset_time - time.time())


def _redis_storage(url: str) -> RedisStorage:
    """For the same URLs as everywhere: `redis://…`, `rediss://…`, `sentinel://[user:password@]h1;sentinel://h2/db?master_name=mymaster`."""
    options: dict[str, Any] = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S, "max_connections": MAX_AT_ONCE + 1}
    if not url.startswith("sentinel://"):
        return RedisStorage(f"async+{url}", wrap_exceptions=True, implementation="redispy", **options)
    parts = [urlsplit(part) for part in url.split(";")]
    first, last = parts[0], parts[-1]
    hosts = ",".join(f"{part.hostname}:{part.port or 26379}" for part in parts)
    name = dict(parse_qsl(last.query)).get("master_name", "mymaster")
    options |= {key: unquote(value) for key, value in (("username", first.username), ("password", first.password)) if value}
    return RedisSentinelStorage(
        f"async+redis+sentinel://{hosts}/{name}",
        wrap_exceptions=True,
        implementation="redispy",
        db=int(last.path.strip("/") or 0),
        **options,
    )
