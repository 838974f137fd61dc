"""The machine and the versions that a result belongs to."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import psutil

from loadtest.result import Machine
from loadtest.running.installation import Installation


def machine(installation: Installation) -> Machine:
    """This one, with the servers of the installation."""
    versions = {name: f"{part.name} {part.version}" for name, part in installation.parts.items()}
    return {
        "cpus": psutil.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "postgresql": versions.get("postgresql"),
        "mariadb": versions.get("mariadb"),
        "redis": versions.get("redis"),
        "commit": _commit(),
    }


def _commit() -> str | None:
    """Of this tree, with a mark where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)  # noqa: S603  (fixed)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
