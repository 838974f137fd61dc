"""Distributions, as they are written on a command line: `2`, `fixed:2`, `uniform:1,3`, `exponential:2`, `lognormal:0.8,0.5`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

_Draw = Callable[..., float]

_KINDS: Mapping[str, tuple[str, _Draw]] = {
    "fixed": ("VALUE", lambda _, value: value),
    "constant": ("VALUE", lambda _, value: value),
    "uniform": ("LOW,HIGH", lambda random, low, high: random.uniform(low, high)),
    "exponential": ("MEAN", lambda random, mean: random.expovariate(1 / mean) if mean else 0.0),
    "lognormal": ("MEDIAN,SIGMA", lambda random, median, sigma: random.lognormvariate(math.log(median), sigma) if median else 0.0),
}


@dataclass(frozen=True, slots=True)
class Distribution:
    """`kind` is one of `fixed` (also called `constant`), `uniform`, `exponential`, `lognormal`; `values` are what it takes."""

    kind: str
    values: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> Distribution:
        """Read what a command line says.

        Raises:
            ValueError: the text is of no accepted form, which it names.
        """
        kind, colon, values = text.partition(":")
        if not colon:
            kind, values = "fixed", text
        try:
            numbers = tuple(float(value) for value in values.split(","))
        except ValueError:
            numbers = ()
        if kind not in _KINDS or len(numbers) != _KINDS[kind][0].count(",") + 1 or any(not 0 <= number < math.inf for number in numbers):
            accepted = ", ".join(f"{name}:{form}" for name, (form, _) in _KINDS.items())
            raise ValueError(f"{text!r} is no distribution; accepted are a number, {accepted}, none of them below 0")
        return cls(kind, numbers)

    def draw(self, random: Random) -> float:
        """A value, 0 or more."""
        return _KINDS[self.kind][1](random, *self.values)

    def __str__(self) -> str:
        return f"{self.kind}:{','.join(f'{value:g}' for value in self.values)}"
