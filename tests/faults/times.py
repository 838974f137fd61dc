"""How long it took: silence, recovery and acceptance, in seconds, from what the users saw."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from tests.faults.user import User

SETTLE_S = 0.3
"""What arrives so soon after a fault was under way before it."""


def longest_silence(users: Sequence[User]) -> float:
    """The longest time in which replies were open and nobody got a token or an end."""
    longest, last, still_open = 0.0, 0.0, 0
    for at, change in sorted(_changes(users)):
        if still_open:
            if change <= 0:
                longest, last = max(longest, at - last), at
        else:
            last = at
        still_open += change
    return longest


def _changes(users: Sequence[User]) -> Iterator[tuple[float, int]]:
    """(time, change in the number of open replies); 0 for a token."""
    for user in users:
        yield from ((at, 0) for at, _ in user.heard)
        for message_id, record_id in user.accepted.items():
            yield user.accepted_at[message_id], 1
            if user.shown[record_id].ended_at:
                yield max(user.shown[record_id].ended_at, user.accepted_at[message_id]), -1


def recoveries(users: Sequence[User], since: float) -> list[float]:
    """For each reply that was in the middle at `since`: how long until its first token after that. Sorted."""
    settled = since + SETTLE_S
    found = []
    for user in users:
        for record_id, shown in user.shown.items():
            if 0 < shown.first_at <= since and not 0 < shown.ended_at <= settled:
                news = [at for at, heard_of in user.heard if heard_of == record_id and at > settled]
                found += [min(news) - since] if news else []
    return sorted(found)


def acceptances(users: Sequence[User], begin: float, end: float) -> list[float]:
    """From sending to acceptance, of all that was sent between `begin` and `end`. Sorted."""
    return sorted(
        user.accepted_at[message_id] - sent_at
        for user in users
        for message_id, sent_at in user.sent_at.items()
        if begin <= sent_at <= end and message_id in user.accepted_at
    )


def quantile(sorted_values: Sequence[float], share: float) -> float | None:
    """None of nothing."""
    if len(sorted_values) < 2:
        return sorted_values[0] if sorted_values else None
    return statistics.quantiles(sorted_values, n=100, method="inclusive")[round(share * 100) - 1]
