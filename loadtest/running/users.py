"""The users, in a process of their own, and what they tell every second."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.result import Moment, Percentiles
from loadtest.running.installation import Installation
from loadtest.running.load import Load, Model
from loadtest.running.samples import Sample
from tests.servers.imcore import SECRET
from tests.servers.process import family, signal_all, spawn, wait_until_gone

POLL_S = 0.05
STOP_S = 10.0
KINDS = ("accept", "first_token", "reply")
MIN_RATED_S = 0.5
"""The last line comes when all is settled, perhaps a moment after the one before: a rate over so little would say nothing."""


class UsersFailedError(Exception):
    """They ended without their counts; the text has the end of their log."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of theirs; `after_s` is how much later it is than the one before."""

    line: Mapping[str, Any]
    after_s: float

    def moment(self, now: Sample, before: Sample) -> Moment:
        """Joined with what the parts have used in the meantime."""
        rated_s = max(self.after_s, MIN_RATED_S)
        return {
            "t_s": self.line["t_s"],
            "users": self.line["users"],
            "sends_per_s": self.line["accept_ms"]["count"] / rated_s,
            "replies_per_s": self.line["reply_ms"]["count"] / rated_s,
            "accept_ms": _percentiles(self.line["accept_ms"]),
            "first_token_ms": _percentiles(self.line["first_token_ms"]),
            "reply_ms": _percentiles(self.line["reply_ms"]),
            "queue_depth": now.queue_depth,
            "broker_queue_length": now.broker_queue_length,
            "cpu_cores": now.cores_since(before),
            "memory_mib": dict(now.memory_mib),
            "errors_per_s": self.line["errors"] / rated_s,
        }


@dataclass(frozen=True, slots=True)
class Final:
    """Their last line: what became of all messages. `steady_from_s` is when all users had come; None if the load is never steady."""

    counts: dict[str, int]
    failed_by_code: dict[str, int]
    rejected_by_code: dict[str, int]
    examples: list[str]
    times: dict[str, Percentiles]
    steady_times: dict[str, Percentiles]
    steady_from_s: float | None
    availability: float | None

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Final:
        return cls(
            counts={name: count for name, count in line["counts"].items() if isinstance(count, int)},
            failed_by_code=line["counts"]["failed_by_code"],
            rejected_by_code=line["counts"]["rejected_by_code"],
            examples=line["examples"],
            times=_by_kind(line["times"]),
            steady_times=_by_kind(line["steady_times"]),
            steady_from_s=line["steady_from_s"],
            availability=line["availability"],
        )


class Users:
    """`python -m loadtest.users`, talking from when this is entered; ended when it is left."""

    def __init__(self, installation: Installation, load: Load, model: Model) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="imcore-users-"))
        self._out, self._log = self._folder / "out.jsonl", self._folder / "log"
        self._command = [sys.executable, "-m", "loadtest.users", "--out", str(self._out), *_options(installation, load, model)]
        self._final: Mapping[str, Any] | None = None

    def __enter__(self) -> Users:
        self._process = spawn(self._command, log=self._log, death_signal=signal.SIGKILL)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            processes = family(self.pid)
            signal_all(processes, signal.SIGTERM)
            if not wait_until_gone(processes, timeout_s=STOP_S):
                signal_all(processes, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def seconds(self) -> Iterator[Told]:
        """As they come, until the last one."""
        before_s = 0.0
        for line in self._lines():
            if line.get("final"):
                self._final = line
                return
            yield Told(line, max(line["t_s"] - before_s, POLL_S))
            before_s = line["t_s"]

    def final(self) -> Final:
        """Raises `UsersFailedError` if there is none."""
        if self._final is None:
            self._process.wait()
            said = self._log.read_text(errors="replace")[-2000:]
            raise UsersFailedError(f"the users ended with {self._process.returncode} and without their counts\n{said}")
        return Final.of(self._final)

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Of the file that grows, until the process has ended and all is read."""
        read, has_ended = 0, False
        while not has_ended:
            has_ended = self._process.poll() is not None
            data = self._out.read_bytes()[read:] if self._out.exists() else b""
            whole = data[: data.rfind(b"\n") + 1]
            read += len(whole)
            yield from map(json.loads, whole.splitlines())
            if not whole and not has_ended:
                time.sleep(POLL_S)


def _options(installation: Installation, load: Load, model: Model) -> list[str]:
    options = {
        "scenario": load.scenario,
        "users": load.users,
        "spawn-rate": load.spawn_rate,
        "seconds": load.seconds,
        "shape": load.shape,
        "think": load.think,
        "seed": load.seed,
        "patience-s": load.patience_s,
        "model-seed": model.model_seed,
        "double-texting": installation.profile.settings.get("DOUBLE_TEXTING", "queue"),
        "jwt-secret": SECRET,
    }
    hosts = [word for api in installation.apis for word in ("--host", api.url)]
    return [*hosts, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]


def _by_kind(times: Mapping[str, Mapping[str, float]]) -> dict[str, Percentiles]:
    return {kind: _percentiles(times[f"{kind}_ms"]) for kind in KINDS}


def _percentiles(times: Mapping[str, float]) -> Percentiles:
    """None of them where nothing was timed."""
    if not times["count"]:
        return {}
    return {"p50": times["p50"], "p95": times["p95"], "p99": times["p99"], "max": times["max"]}
