"""Whether a run passed: nothing lost, doubled, swapped or mixed, and no limit broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from loadtest.result import INTEGRITY, Percentiles, Summary, VerdictForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None is no limit. Times in milliseconds, shares 0 to 1; `errors` counts failed replies and refused messages."""

    accept_p99_ms: float | None = None
    first_token_p99_ms: float | None = None
    availability: float | None = None
    errors: int | None = None

    def as_json(self) -> dict[str, float | int]:
        """Those that are set."""
        return {name: limit for name, limit in asdict(self).items() if limit is not None}

    def broken(self, counts: Mapping[str, int], summary: Summary) -> list[str]:
        """What lies beyond its limit, in words. A time that nobody could measure is beyond it."""
        times = [_slow("accept", summary["accept_ms"], self.accept_p99_ms)]
        times.append(_slow("first token", summary["first_token_ms"], self.first_token_p99_ms))
        return [reason for reason in (*times, self._unavailable(summary["availability"]), self._erring(counts)) if reason]

    def _unavailable(self, availability: float | None) -> str | None:
        if self.availability is None or (availability or 0.0) >= self.availability:
            return None
        return f"availability {availability or 0.0:.4f}, at least {self.availability:g} is asked for"

    def _erring(self, counts: Mapping[str, int]) -> str | None:
        errors = counts.get("failed", 0) + counts.get("rejected", 0)
        return f"{errors} errors, {self.errors} are allowed" if self.errors is not None and errors > self.errors else None


def _slow(what: str, times: Percentiles, limit_ms: float | None) -> str | None:
    if limit_ms is None:
        return None
    p99 = times.get("p99")
    return (
        f"{what} p99 {'unknown' if p99 is None else f'{p99:.0f} ms'}, at most {limit_ms:.0f} ms" if p99 is None or p99 > limit_ms else None
    )


def verdict(counts: Mapping[str, int], summary: Summary, audit: Mapping[str, int] | None, limits: Limits) -> VerdictForm:
    """Integrity first; nothing makes up for it."""
    reasons = [f"{counts[name]} {name.replace('_', ' ')}" for name in INTEGRITY if counts.get(name)]
    reasons += [f"audit: {count} {name.replace('_', ' ')}" for name, count in (audit or {}).items() if count]
    if not counts.get("replied"):
        reasons.append("no reply came at all")
    reasons += limits.broken(counts, summary)
    return {"passed": not reasons, "reasons": reasons}
