"""Integrity: what became of all messages, one object a Locust process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

KINDS = (
    "sent",
    "accepted",
    "replied",
    "failed",
    "cancelled",
    "rejected",
    "lost",
    "doubled",
    "out_of_order",
    "text_mismatch",
    "violations",
    "unpushed",
    "resumes",
    "reconnects",
    "histories",
)
"""`rejected` counts refusals, a message may have several. `lost`: accepted, and without an end when the patience was over, although the
service was asked. `unpushed`: ends that were learnt only by asking. `histories`: users whose history was read and compared."""

DEFECTS = ("lost", "doubled", "out_of_order", "text_mismatch", "violations")
"""What must be 0."""

BY_CODE = ("failed", "rejected")
NO_ANSWER = "no_answer"
FIRST_SERVER_ERROR = 500
MAX_EXAMPLES = 50


class Integrity:
    """Counts, and the first few defects in words."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._by_code: dict[str, Counter[str]] = {kind: Counter() for kind in BY_CODE}
        self._unavailable = 0
        self.examples: list[str] = []

    def count(self, kind: str) -> None:
        """One more of `KINDS`, of which nothing else is to be said."""
        self._counts[kind] += 1

    def failed(self, code: str) -> None:
        """A reply that ended without a text; `code` is that of the problem."""
        self._counts["failed"] += 1
        self._by_code["failed"][code] += 1

    def rejected(self, code: str, status: int | None) -> None:
        """A message that was refused with an HTTP `status`, or not answered at all (None)."""
        self._counts["rejected"] += 1
        self._by_code["rejected"][code] += 1
        self._unavailable += status is None or status >= FIRST_SERVER_ERROR

    def defect(self, kind: str, what: str) -> None:
        """One of `DEFECTS`, in words."""
        self._counts[kind] += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(f"{kind}: {what}")

    @property
    def defects(self) -> int:
        return sum(self._counts[kind] for kind in DEFECTS)

    @property
    def availability(self) -> float:
        """Accepted messages as a share of those and of the refusals by the server's fault; 1 if there was none of either."""
        accepted = self._counts["accepted"]
        return accepted / (accepted + self._unavailable) if accepted + self._unavailable else 1.0

    def counts(self) -> dict[str, Any]:
        """All of `KINDS`, then failures and refusals by code."""
        by_code = {f"{kind}_by_code": dict(self._by_code[kind]) for kind in BY_CODE}
        return {kind: self._counts[kind] for kind in KINDS} | by_code | {"unavailable": self._unavailable}

    def take(self) -> dict[str, Any]:
        """All so far, for `merge` elsewhere; begins anew."""
        taken = {"counts": self.counts(), "examples": self.examples}
        self.clear()
        return taken

    def merge(self, taken: Mapping[str, Any]) -> None:
        """Add what another process took."""
        counts = taken["counts"]
        self._counts.update({kind: counts[kind] for kind in KINDS})
        for kind in BY_CODE:
            self._by_code[kind].update(counts[f"{kind}_by_code"])
        self._unavailable += counts["unavailable"]
        self.examples = [*self.examples, *taken["examples"]][:MAX_EXAMPLES]

    def clear(self) -> None:
        self._counts.clear()
        for codes in self._by_code.values():
            codes.clear()
        self._unavailable = 0
        self.examples = []
