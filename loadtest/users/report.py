"""What a run writes: a JSON line a second, and a last one with all."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any, TextIO

import orjson
from locust.env import Environment

from loadtest.users.crowd import Crowd
from loadtest.users.times import Times

EACH_SECOND = ("accept", "first token", "reply")
IN_ALL = (*EACH_SECOND, "history", "connect")


class Report:
    """Listens to Locust's request events from when it is made.

    With a steady part it counts once more what began after all users had come.
    """

    def __init__(self, environment: Environment, crowd: Crowd, out: TextIO, *, has_steady_part: bool) -> None:
        self._environment = environment
        self._crowd = crowd
        self._out = out
        self._begun = time.perf_counter()
        self._now: defaultdict[str, Times] = defaultdict(Times)
        self._all: defaultdict[str, Times] = defaultdict(Times)
        self._steady: defaultdict[str, Times] = defaultdict(Times)
        self._steady_at: float | None = None
        self._errors = 0
        if has_steady_part:
            environment.events.spawning_complete.add_listener(self._on_all_there)  # type: ignore[no-untyped-call]  # Locust's
        environment.events.request.add_listener(self._on_request)  # type: ignore[no-untyped-call]  # Locust's

    def _on_all_there(self, **_: Any) -> None:
        if self._steady_at is None:
            self._steady_at = time.perf_counter()

    def _on_request(self, name: str, response_time: float, exception: Exception | None = None, **_: Any) -> None:
        if exception is not None:
            self._errors += 1
            return
        self._now[name].add(response_time)
        self._all[name].add(response_time)
        if self._steady_at is not None and time.perf_counter() - response_time / 1000 >= self._steady_at:
            self._steady[name].add(response_time)

    def write_second(self) -> None:
        """What happened since the last line. `errors` counts refusals, failed replies and failed connects."""
        runner = self._environment.runner
        line = {
            "t_s": round(time.perf_counter() - self._begun, 1),
            "users": 0 if runner is None else runner.user_count,
            "settling": len(self._crowd.settling),
            **{_key(kind): self._now[kind].as_json() for kind in EACH_SECOND},
            "errors": self._errors,
            "integrity": self._crowd.integrity.counts(),
            "cpu_s": round(time.process_time(), 2),
        }
        self._now.clear()
        self._errors = 0
        self._write(line)

    def write_final(self) -> None:
        integrity = self._crowd.integrity
        self._write(
            {
                "final": True,
                "t_s": round(time.perf_counter() - self._begun, 1),
                "counts": integrity.counts(),
                "defects": integrity.defects,
                "examples": integrity.examples,
                "times": {_key(kind): self._all[kind].as_json() for kind in IN_ALL},
                "steady_from_s": None if self._steady_at is None else round(self._steady_at - self._begun, 1),
                "steady_times": {_key(kind): self._steady[kind].as_json() for kind in IN_ALL},
                "availability": integrity.availability,
                "cpu_s": round(time.process_time(), 2),
            }
        )

    def _write(self, line: dict[str, Any]) -> None:
        self._out.write(orjson.dumps(line).decode() + "\n")
        self._out.flush()


def _key(kind: str) -> str:
    return f"{kind.replace(' ', '_')}_ms"
