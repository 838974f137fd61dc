"""The time, as imcore writes it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def utc_now() -> datetime:
    """Now, in UTC, cut to the milliseconds that JSON shows, so that a time reads the same before and after the database."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T08:15:00.123Z`"""
    return _written(moment)


@lru_cache(maxsize=1024)  # what is sent together was made within a few milliseconds, and each time is written twice
def _written(moment: datetime) -> str:
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def from_rfc3339(text: str) -> datetime:
    """The inverse of `rfc3339`."""
    return datetime.fromisoformat(text)


def ms_between(start: datetime, end: datetime) -> int:
    """Whole milliseconds from `start` to `end`, 0 when clocks disagree about which came first."""
    return max(0, round((end - start).total_seconds() * 1000))
