"""How calls of the stand-in model fail, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """What may happen to a call instead of a reply."""

    RATE_LIMITED = "429"  # with Retry-After
    ERROR = "500"
    HANG = "hang"  # no byte, until the client leaves
    CUT = "cut"  # half of the reply, then a clean end without a finish reason
    SLOW = "slow"  # a whole reply, at a fraction of the pace


@dataclass(frozen=True, slots=True)
class FaultRates:
    """The share of calls, 0 to 1 in all, that each fault takes."""

    rates: Mapping[Fault, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> FaultRates:
        """Read `429:0.02,hang:0.001`; the empty text means that nothing fails.

        Raises:
            ValueError: the text is not of the accepted form, which is named.
        """
        try:
            pairs = [pair.split(":") for pair in text.split(",") if pair]
            rates = {Fault(kind): float(rate) for kind, rate in pairs}
        except ValueError:
            rates = None
        if rates is None or any(rate < 0 for rate in rates.values()) or sum(rates.values()) > 1:
            raise ValueError(f"{text!r} are no fault rates; accepted is {','.join(f'{fault}:RATE' for fault in Fault)}, at most 1 in all")
        return cls(rates)

    def draw(self, random: Random) -> Fault | None:
        """What happens to one call; None if it goes well."""
        die = random.random()
        for fault, rate in self.rates.items():
            if die < rate:
                return fault
            die -= rate
        return None
