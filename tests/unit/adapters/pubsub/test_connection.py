from __future__ import annotations

import pytest
from redis.asyncio.sentinel import SentinelConnectionPool

from adapters.pubsub.connection import redis_client


async def test_sentinels_share_user_password_database_and_name() -> None:
    client = redis_client("sentinel://ada:p%40ss@one:26379;sentinel://two:26380/3?master_name=chat", name="test")
    pool = client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "chat"
    kwargs = pool.connection_kwargs
    assert (kwargs["username"], kwargs["password"], kwargs["db"]) == ("ada", "p@ss", 3)
    hosts = [
        (s.connection_pool.connection_kwargs["host"], s.connection_pool.connection_kwargs["port"]) for s in pool.sentinel_manager.sentinels
    ]
    assert hosts == [("one", 26379), ("two", 26380)]
    await client.aclose()


async def test_a_secure_connection_verifies_the_server() -> None:
    client = redis_client("rediss://host:6380/1", name="test")
    assert client.connection_pool.make_connection().cert_reqs.name == "CERT_REQUIRED"
    await client.aclose()


def test_another_kind_of_url_is_refused() -> None:
    with pytest.raises(ValueError, match="redis://"):
        redis_client("amqp://host", name="test")
