"""What a result has to say of where it was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from loadtest.benchmarks.checkout import ROOT, commit_of
from tests.servers import NoServerError, PostgresServer, Server, ValkeyServer


def environment(*, base: str | None, quick: bool, awake: bool) -> dict[str, Any]:
    """The code, the machine, the servers. `base` is the commit that it is compared with, `awake` whether no core went idle."""
    packages = ("uvicorn", "sqlalchemy", "psycopg", "redis", "celery", "langchain-core", "langchain-openai", "fastapi")
    return {
        "commit": commit_of(ROOT),
        "base": base,
        "quick": quick,
        "awake": awake,
        "begun_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "cpus": os.cpu_count(),
        "postgresql": _version(PostgresServer),
        "redis": _version(ValkeyServer),
        "packages": {package: version(package) for package in packages},
    }


def _version(kind: type[Server]) -> str:
    try:
        program = kind.find_binary().path
    except NoServerError:
        return "none"
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  (found by us)
