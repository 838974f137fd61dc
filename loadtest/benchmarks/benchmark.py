"""What a benchmark is: variants that run in turn, and what is claimed of their figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from loadtest.benchmarks.checkout import Checkout

Figures = Mapping[str, float]
"""By name; the name carries the unit (`sends_per_cpu_s`, `accept_p99_ms`)."""

QUICK_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Sample:
    """What one variant did in one round.

    `cpu_s` is user and system time of each part of the server while it was measured, `client_cpu_s` that of the client and of the stand-in
    model, `others_cores` how many cores all other processes of the machine used meanwhile, `pace_per_us` how fast a core was (`pace.py`).
    """

    figures: Figures
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    client_cpu_s: float = 0.0
    others_cores: float = 0.0
    seconds: float = 0.0
    pace_per_us: float = 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of one variant. `imcore` is the code to be measured; `quick` asks for a glance instead of a measurement."""

    imcore: Checkout
    quick: bool = False

    def seconds(self, full: float) -> float:
        """How long to measure, where `full` seconds make a good measurement."""
        return max(2.0, full * QUICK_SHARE) if self.quick else full

    def count(self, full: int) -> int:
        """How many, where `full` make a good measurement."""
        return max(1, int(full * QUICK_SHARE)) if self.quick else full


@dataclass(frozen=True, slots=True)
class Variant:
    """`is_imcore`: it measures the code of `trial.imcore`, and can be run on two commits in turn."""

    name: str
    measure: Callable[[Trial], Sample]
    is_imcore: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure of a whole round, mostly a ratio of two variants, and the bound that it should keep. `of` takes figures by variant.

    The median of the rounds has to keep it; with `every_round` each of them.
    """

    name: str
    needs: Sequence[str]
    of: Callable[[Mapping[str, Figures]], float]
    at_least: float | None = None
    at_most: float | None = None
    every_round: bool = False

    @property
    def is_bounded(self) -> bool:
        return self.at_least is not None or self.at_most is not None

    def holds(self, values: Sequence[float]) -> bool:
        """`values` are those of the rounds, one at least."""
        return all(map(self._keeps, values if self.every_round else [median(values)]))

    def _keeps(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


def ratio(variant: str, reference: str, figure: str, *, at_least: float | None = None, at_most: float | None = None) -> Claim:
    """One variant's figure divided by the reference's, of the same round."""

    def divided(figures: Mapping[str, Figures]) -> float:
        return figures[variant][figure] / figures[reference][figure]

    return Claim(f"{figure}: {variant} ÷ {reference}", (variant, reference), divided, at_least, at_most)


def bound(variant: str, figure: str, *, at_least: float | None = None, at_most: float | None = None) -> Claim:
    """One variant's figure by itself. At most 0 is asked of what must never happen: every round has to keep that."""
    return Claim(f"{figure}: {variant}", (variant,), lambda figures: figures[variant][figure], at_least, at_most, every_round=at_most == 0)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`figures` are those shown and compared between commits; a sample may hold more, they go to the JSON. The first counts most.

    `in_compare`: part of what `make bench-compare` runs unless it is told otherwise.
    """

    name: str
    title: str
    variants: Sequence[Variant]
    figures: Sequence[str]
    claims: Sequence[Claim] = ()
    in_compare: bool = False
