"""Units: how a figure is written, three digits of it, in the unit that fits its size."""

from __future__ import annotations

import math
from dataclasses import dataclass

MISSING = "—"


@dataclass(frozen=True, slots=True)
class Unit:
    """`larger`: from how many of this unit on the next one is used, and its symbol."""

    symbol: str = ""
    larger: tuple[float, str] | None = None

    def text(self, value: float | None) -> str:
        """The figure with its unit; a dash where there is none."""
        if value is None:
            return MISSING
        factor, symbol = self.scaled(value)
        return f"{digits(value / factor)}{symbol if symbol.startswith('/') else f' {symbol}'}".rstrip()

    def scaled(self, value: float) -> tuple[float, str]:
        """What to divide by so that a figure of this size reads well, and the symbol then."""
        if self.larger and abs(value) >= self.larger[0]:
            return self.larger
        return 1.0, self.symbol


def digits(value: float) -> str:
    """Three significant digits, two below 1, thousands apart; whole numbers stay whole."""
    if value == int(value):
        return f"{value:,.0f}"
    if abs(value) < 1:
        return f"{value:#.2g}"
    return f"{value:,.{max(0, 2 - int(math.log10(abs(value))))}f}"


def percent(share: float | None) -> str:
    """A share of 1 in per cent; never rounded up to 100."""
    if share is None:
        return MISSING
    return f"{math.floor(round(share * 100_000, 6)) / 1000:g} %"


def together(text: str) -> str:
    """The text in one line: its spaces do not break."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


COUNT = Unit()
PER_S = Unit("/s")
MS = Unit("ms", (1000.0, "s"))
MIB = Unit("MiB", (1024.0, "GiB"))
CORES = Unit("cores")
_BY_SYMBOL = {"ms": MS, "MiB": MIB, "1/s": PER_S, "per_s": PER_S}


def unit_called(symbol: str) -> Unit:
    """The unit of this symbol, as a comparison names it."""
    return _BY_SYMBOL.get(symbol) or Unit(symbol)
