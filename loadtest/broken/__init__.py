"""Adapters that are broken on purpose, to see the kit find each of them by the right count."""

from __future__ import annotations

ONE_IN = 1000
"""How rare a defect is: rare enough to pass by hand, common enough for a minute under load."""
