"""LangGraph's development server: all in memory, no database, no Redis."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from loadtest.benchmarks.checkout import this_tree
from loadtest.benchmarks.clients.langgraph import GRAPH
from loadtest.benchmarks.servers import CONCURRENCY, OurProcess, Service
from tests.servers import NoServerError
from tests.servers.server import Binary

_CONFIG = {"dependencies": ["."], "graphs": {GRAPH: "loadtest.benchmarks.langgraph_graph:graph"}}
_SETTINGS = {
    "LOG_LEVEL": "WARNING",
    "LANGSMITH_TRACING": "false",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "1",
}
"""Nothing leaves the machine. Keys for its cloud do not get through, and without one it reports nothing."""


class LanggraphServer(OurProcess):
    """One process, API and worker in one, with all the settings of its program that make it cheaper."""

    start_timeout_s: ClassVar[float] = 90.0  # the machine may be busy

    def __init__(self) -> None:
        super().__init__(this_tree().env(_SETTINGS))
        self._config = self.folder / "langgraph.json"
        self._config.write_text(json.dumps(_CONFIG))

    @classmethod
    def find_binary(cls) -> Binary:
        found = shutil.which("langgraph")
        if found is None:
            raise NoServerError('not installed: langgraph on the PATH (pip install "langgraph-cli[inmem]" in an environment of its own)')
        return Binary(Path(found), "machine")

    def _command(self) -> list[str | Path]:
        listening = ["--host", "127.0.0.1", "--port", str(self.port), "--server-log-level", "WARNING"]
        # Blocking calls are not looked for, code is not watched, and no run waits for a free place.
        cheaper = ["--allow-blocking", "--no-reload", "--no-browser", "--n-jobs-per-worker", str(CONCURRENCY)]
        in_its_folder: list[str | Path] = ["env", "--chdir", self.folder]  # there it writes its state every ten seconds
        return [*in_its_folder, self.binary.path, "dev", "--config", self._config, *listening, *cheaper]


@contextmanager
def langgraph() -> Iterator[Service]:
    """Whatever it starts belongs to its one part."""
    with LanggraphServer() as server:
        yield Service(server.port, {"langgraph": server.pid})
