"""Adapters that are broken on purpose, to see the kit find each of them by the right count."""

from __future__ import annotations

import os

VARIABLE = "LOADTEST_BROKEN_ONE_IN"

ONE_IN = int(os.environ.get(VARIABLE, "1000"))
"""How rare a defect is: rare enough to pass by hand, common enough for a minute under load. A test of the kit itself has less time."""
