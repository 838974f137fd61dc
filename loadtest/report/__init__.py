"""Reports of load tests: a JSON document in, one self-contained HTML file out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loadtest.report.capacity_page import capacity_page
from loadtest.report.comparison_page import comparison_page
from loadtest.report.page import save
from loadtest.report.result_page import result_page

__all__ = ["write", "write_any", "write_capacity", "write_comparison"]


def write(result: Mapping[str, object], path: Path) -> None:
    """The report of one run, from its result.json."""
    save(result_page(result), path)


def write_comparison(compare: Mapping[str, object], path: Path) -> None:
    """The report of two profiles' rounds, from their compare.json."""
    save(comparison_page(compare), path)


def write_capacity(capacity: Mapping[str, object], path: Path) -> None:
    """The report of a search for the highest load, from its capacity.json."""
    save(capacity_page(capacity), path)


def write_any(document: object, path: Path) -> None:
    """The report of whichever of the three the document is.

    Raises ValueError: it is none of them.
    """
    if not isinstance(document, Mapping):
        raise ValueError("not a JSON object")  # noqa: TRY004  the file is wrong, not the caller
    if "figures" in document:
        write_comparison(document, path)
    elif "steps" in document:
        write_capacity(document, path)
    elif "counts" in document or "summary" in document:
        write(document, path)
    else:
        raise ValueError("neither a result, a comparison nor a capacity search: it has no counts, figures or steps")
