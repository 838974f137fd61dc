"""The time, as imcore writes it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, in UTC, cut to the milliseconds that JSON shows, so that a time reads the same before and after the database."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def rfc3339(time: datetime) -> str:
    """`2026-01-31T08:15:00.123Z`"""
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def from_rfc3339(text: str) -> datetime:
    """The inverse of `rfc3339`."""
    return datetime.fromisoformat(text)


def ms_between(start: datetime, end: datetime) -> int:
    """Whole milliseconds from `start` to `end`, 0 when clocks disagree about which came first."""
    return max(0, round((end - start).total_seconds() * 1000))
