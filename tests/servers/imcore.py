"""imcore's own processes, started by the commands that an operator uses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from tests.servers.process import spawn
from tests.servers.server import Binary, Server

SECRET = "a secret of the tests, longer than 32 bytes"  # noqa: S105  (of the tests)
COMMAND = Path(sys.executable).parent / "imcore"


class ImcoreProcess(Server):
    """`settings` are `IM_…` variables without the prefix; nothing else of this process's settings reaches it.

    `program` runs in place of the `imcore` command and takes the same arguments.
    """

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, settings: Mapping[str, object], *more_arguments: str, program: Sequence[str | Path] = (COMMAND,)) -> None:
        super().__init__()
        self._program = program
        self._more_arguments = more_arguments
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("IM_", "LANG"))}
        own = {"JWT_SECRET": SECRET, "DATA_DIR": self.folder / "data", **settings}
        self._env = {**inherited, **{f"IM_{name}": str(value) for name, value in own.items()}}

    @classmethod
    def find_binary(cls) -> Binary:
        return Binary(COMMAND, "checkout")

    @classmethod
    def identify(cls, url: str) -> tuple[str, str]:
        try:
            with urllib.request.urlopen(f"{url}/metrics", timeout=5):  # noqa: S310  (our own http URL)
                return "imcore", "checkout"
        except OSError as error:
            raise ConnectionError(str(error)) from error

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that it has said so far."""
        return self._log.read_text(errors="replace")

    def run(self, *arguments: str, stdin: str = "", timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Another `imcore` command with the same settings, to its end."""
        return subprocess.run(
            [COMMAND, *arguments],
            input=stdin,
            env=self._env,
            cwd=self.folder,
            timeout=timeout_s,
            capture_output=True,
            text=True,
            check=False,
        )

    def token(self, user_id: str) -> str:
        """As `imcore token` prints it."""
        return self.run("token", user_id).stdout.strip()

    def _prepare(self) -> None:
        """It prepares itself."""

    def start(self) -> ImcoreProcess:
        self._process = spawn(self._command(), log=self._log, death_signal=self.death_signal, env=self._env)
        self._wait_for_answer()
        return self


class ApiProcess(ImcoreProcess):
    """`imcore serve`."""

    def _command(self) -> list[str | Path]:
        return [*self._program, "serve", "--port", str(self.port), *self._more_arguments]


class WorkerProcess(ImcoreProcess):
    """`imcore worker`; its metrics answer once it is ready."""

    @property
    def replies_running(self) -> int:
        """How many replies it says that it is writing now."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:  # noqa: S310  (our own http URL)
            metrics: str = answer.read().decode()
        return sum(int(float(line.split()[1])) for line in metrics.splitlines() if line.startswith("im_replies_running "))

    def _command(self) -> list[str | Path]:
        return [*self._program, "worker", "--metrics-port", str(self.port), *self._more_arguments]
