"""Driving the clients' process, and measuring the server meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from loadtest.benchmarks.at_once import meet
from loadtest.benchmarks.benchmark import Sample
from loadtest.benchmarks.checkout import this_tree
from loadtest.benchmarks.cpu import watch
from loadtest.benchmarks.servers import Service

WARM_UP_S = 3.0


class ClientsFailedError(Exception):
    """The clients ended, or could not connect; their own words are on stderr."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the clients counted in the window: `figures` by name, and the first few problems of `figures["failures"]`."""

    figures: Mapping[str, float]
    problems: list[str]


class Clients:
    """A load of one kind, connected."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._hear("ready")

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        self._say("start")

    def mark(self) -> None:
        self._say("mark")

    def end(self) -> Answer:
        """Stop sending, wait for what is under way, return what happened since `mark`."""
        self.say_end()
        return self.answer()

    def say_end(self) -> None:
        self._say("end")

    def answer(self) -> Answer:
        """After `say_end`."""
        said = json.loads(self._hear("{"))
        return Answer(said["figures"], said["problems"])

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None  # noqa: S101  # a pipe was asked for
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _hear(self, beginning: str) -> str:
        assert self._process.stdout is not None  # noqa: S101  # a pipe was asked for
        line = self._process.stdout.readline()
        if not line.startswith(beginning):
            raise ClientsFailedError(f"{beginning!r} was expected of the clients, and they said {line!r}")
        return line


@contextmanager
def clients(kind: str, **options: object) -> Iterator[Clients]:
    """Start them and wait until all are connected; they are gone at the end."""
    command = [sys.executable, "-m", "loadtest.benchmarks.clients", kind, json.dumps(options)]
    env = this_tree().env()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:  # noqa: S603  (our own)
        try:
            yield Clients(process)
        finally:
            process.kill()


def measure(service: Service, load: Clients, *, seconds: float, counted: str, per_cpu_s: str, warm_up_s: float = WARM_UP_S) -> Sample:
    """Let the load run, and divide what it `counted` in the window by the server's CPU; `per_cpu_s` is that figure's name.

    Further figures: `{counted}_per_s`, times and failures as the clients give them.
    """
    load.start()
    time.sleep(warm_up_s)
    meet()
    with watch(service.pids) as window:
        load.mark()
        time.sleep(seconds)
        load.say_end()
    meet()
    answer = load.answer()
    for problem in answer.problems:
        print(f"    client: {problem}", flush=True)
    done = answer.figures.get(counted, 0.0)
    figures = {per_cpu_s: done / window.cpu_s, f"{counted}_per_s": done / answer.figures["seconds"]}
    return window.sample({**figures, **{name: value for name, value in answer.figures.items() if name not in {counted, "seconds"}}})
