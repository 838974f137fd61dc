"""The rate limit, in memory."""

from __future__ import annotations

import pytest

from entrypoints.api.rate_limit import RateLimit
from imcore.errors import RateLimitedError


@pytest.mark.parametrize("text", ["", "off", " OFF "])
async def test_off_limits_nobody(text: str) -> None:
    limit = RateLimit(text)
    for _ in range(1000):
        await limit.hit("send", "ann")

    assert limit.headers == {}


async def test_each_user_and_each_action_is_counted_alone() -> None:
    limit = RateLimit("1/hour")
    await limit.hit("send", "ann")
    await limit.hit("send", "bob")
    await limit.hit("guest", "ann")

    with pytest.raises(RateLimitedError) as refusal:
        await limit.hit("send", "ann")

    assert 0 < refusal.value.retry_after_s <= 3600
    assert limit.headers == {"RateLimit-Limit": "1", "RateLimit-Policy": "1;w=3600"}


async def test_the_narrowest_of_several_limits_counts() -> None:
    limit = RateLimit("100/hour;2/minute")
    for _ in range(2):
        await limit.hit("send", "ann")

    with pytest.raises(RateLimitedError):
        await limit.hit("send", "ann")
