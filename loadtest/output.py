"""Where results are written: `build/loadtest/<what>-<time>/`, a JSON document and its report beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from loadtest.report import write_any

FOLDER = Path("build/loadtest")


def new_folder(what: str) -> Path:
    """An empty folder of this run."""
    folder = FOLDER / f"{what}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    return folder


def save(document: Mapping[str, object], folder: Path, name: str) -> Path:
    """Write `name`, in ASCII so that it can hold any text, and, beside it, report.html; returns the report's path."""
    (folder / name).write_text(json.dumps(document, indent=1) + "\n")
    report = folder / "report.html"
    write_any(document, report)
    return report
