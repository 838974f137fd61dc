"""Fields: what a JSON document holds at a path, or nothing. A report is written of what is there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from loadtest.report.units import MISSING


def at(tree: object, *path: str) -> object:
    """The value at the path; None where a step is missing."""
    for name in path:
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(name)
    return tree


def number(tree: object, *path: str) -> float | None:
    """A finite number, or None."""
    found = at(tree, *path)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found) else None


def text(tree: object, *path: str) -> str:
    """A text or a number as text; empty where there is none."""
    found = at(tree, *path)
    return str(found) if isinstance(found, str | int | float) else ""


def mapping(tree: object, *path: str) -> Mapping[str, object]:
    """An object, empty where there is none."""
    found = at(tree, *path)
    return {str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {}


def sequence(tree: object, *path: str) -> Sequence[object]:
    """An array, empty where there is none."""
    found = at(tree, *path)
    return found if isinstance(found, list | tuple) else ()


def numbers(tree: object, *path: str) -> dict[str, float]:
    """The numbers of an object by name."""
    return {name: found for name in mapping(tree, *path) if (found := number(tree, *path, name)) is not None}


def flat(tree: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf as ("outer.inner", text). Arrays of plain values are one leaf."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from flat(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(tree, list | tuple) and any(isinstance(value, Mapping) for value in tree):
        for position, value in enumerate(tree, 1):
            yield from flat(value, f"{prefix}.{position}" if prefix else str(position))
    else:
        yield prefix, _leaf(tree)


def _leaf(value: object) -> str:
    match value:
        case None | "":
            return MISSING
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(_leaf(part) for part in value) or MISSING
        case float():
            return f"{value:.12g}"
        case _:
            return str(value)
