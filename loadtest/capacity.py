"""How much a profile carries on this machine: `python -m loadtest.capacity PROFILE`, by hand `make capacity PROFILE=…`.

Looks for the most users who can talk at once, each sending, reading the whole reply, thinking, and sending again, while accepting stays
within 200 ms (p99), the first token within a second of the model's own (p99), and nothing fails or is refused. Doubles until a step breaks
a limit, twice, then halves what lies between. The servers stay up from step to step. Exit code 1 if a message was lost, doubled, swapped or
mixed at any load, 3 if no load kept the limits.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import TypedDict, cast

from loadtest.command import Parser, ended
from loadtest.model.distribution import Distribution
from loadtest.output import new_folder, save
from loadtest.result import FORMAT, INTEGRITY, Machine, Result, Summary
from loadtest.running import kinds
from loadtest.running.installation import Installation, started
from loadtest.running.load import Load, Model
from loadtest.running.machine import machine
from loadtest.running.run import run
from loadtest.search import Bracket, highest
from loadtest.verdict import Limits

THINK = "exponential:4"
STEP_S = 20.0
COMING_S = 5.0
PATIENCE_S = 20.0
TRIES = 2
WARM_UP = Load(users=10, spawn_rate=10, seconds=5)
ACCEPT_P99_MS = 200.0
FIRST_TOKEN_BEYOND_MS = 1000.0
BUSY_CORES = 0.85
"""From here on the users' own process may be what is slow: it has one core."""

OTHERS_CORES = 0.5
"""From here on somebody else on the machine may be what is slow."""

DRAWS = 10_000
UNSOUND, NOTHING_KEPT = 1, 3


class Step(TypedDict):
    """One run. `why` says what it broke, or what makes it doubtful."""

    users: int
    kept: bool
    why: str
    counts: dict[str, int]
    summary: Summary


def parser() -> Parser:
    """The options."""
    options = Parser("python -m loadtest.capacity", __doc__)
    options.add_argument("profile", type=kinds.profile, metavar="PROFILE")
    options.add_argument("--limit", type=kinds.count, default=10_000, help="the most users that are tried")
    options.add_argument("--resume", type=kinds.folder, metavar="FOLDER", help="go on with the search that was writing there")
    Load.add_options(options)
    Model.add_options(options)
    options.set_defaults(users=50, seconds=STEP_S, think=THINK, patience_s=PATIENCE_S)
    return options


def limits_for(model: Model) -> Limits:
    """No errors, unless the model is asked to make some."""
    own = Distribution.parse(model.first_token_s)
    die = Random(model.model_seed)  # noqa: S311  (repeatable, not secret)
    own_p99_s = quantiles((own.draw(die) for _ in range(DRAWS)), n=100)[98]
    return Limits(
        accept_p99_ms=ACCEPT_P99_MS,
        first_token_p99_ms=round(own_p99_s * 1000 + FIRST_TOKEN_BEYOND_MS),
        errors=None if model.faults else 0,
    )


@dataclass
class Capacity:
    """A search on an installation that is up. Writes after each step."""

    installation: Installation
    load: Load
    model: Model
    limits: Limits
    folder: Path
    steps: list[Step]
    machine: Machine = field(init=False)

    def __post_init__(self) -> None:
        self.machine = machine(self.installation)

    def search(self, limit: int) -> Bracket:
        """To its end, from the steps that there are."""
        return highest(self.load.users, limit, self._is_kept, known(self.steps))

    def _is_kept(self, users: int) -> bool:
        """One quiet try is enough: a load is too much only if it is too much every time."""
        return any(self._try(users)["kept"] for _ in range(TRIES))

    def _try(self, users: int) -> Step:
        load = replace(self.load, users=users, spawn_rate=users / COMING_S, seed=len(self.steps) + 1)
        result = run(self.installation, load, self.model, self.limits, lambda _: None)
        self.steps.append(_step(users, result))
        print(line(self.steps[-1]), flush=True)
        self.save()
        return self.steps[-1]

    def save(self) -> Path:
        """Returns the report's path."""
        ours = self.installation.profile
        document = {
            "format": FORMAT,
            "profile": {"name": ours.name, "title": ours.title, "adapters": ours.adapters, "settings": ours.environment},
            "limits": self.limits.as_json(),
            "load": self.load.as_json(),
            "model": self.model.as_json(),
            "machine": self.machine,
            "steps": self.steps,
            "highest": known(self.steps).kept or None,
        }
        return save(document, self.folder, "capacity.json")


def known(steps: Iterable[Step]) -> Bracket:
    """What the steps have shown: a load was kept if it was in any of its tries."""
    kept = {step["users"] for step in steps if step["kept"]}
    tried = [step["users"] for step in steps]
    broken = {users for users in tried if users not in kept and tried.count(users) >= TRIES}
    return Bracket(max(kept, default=0), min(broken, default=None))


def _step(users: int, result: Result) -> Step:
    summary = result["summary"]
    reasons = list(result["verdict"]["reasons"])
    if summary["client_cpu_s"] > BUSY_CORES * result["seconds"]:
        reasons.append("the users' own process was busy: it may have been what was slow")
    if summary["others_cores"] > OTHERS_CORES:
        reasons.append(f"others used {summary['others_cores']:.1f} cores of this machine")
    return {
        "users": users,
        "kept": result["verdict"]["passed"],
        "why": "; ".join(reasons),
        "counts": result["counts"],
        "summary": summary,
    }


HEAD = " users  sends/s  replies/s  accept p99  token p99  cores  kept"


def line(step: Step) -> str:
    """One step in a row."""
    summary = step["summary"]
    accept, first = (times.get("p99") or 0.0 for times in (summary["accept_ms"], summary["first_token_ms"]))
    cores = summary["sends_per_s"] / summary["sends_per_cpu_s"] if summary["sends_per_cpu_s"] else 0.0
    return (
        f"{step['users']:6} {summary['sends_per_s']:8.1f} {summary['replies_per_s']:10.1f} {accept:8.0f} ms {first:7.0f} ms {cores:6.2f}  "
        f"{'yes' if step['kept'] else 'no '}  {step['why']}"
    )


def main() -> None:
    asked = parser().parse_args()
    chosen, load, model = asked.profile, Load.of(asked), Model.of(asked)
    limits = limits_for(model)
    folder = asked.resume or new_folder(f"{chosen.name}-capacity")
    steps = _steps_of(folder)
    print(f"{chosen.name}: {chosen.title}; limits {limits.as_json()}; kept in {folder}\n{HEAD}", flush=True)
    with started(chosen, model) as installation:
        capacity = Capacity(installation, load, model, limits, folder, steps)
        for step in steps:
            print(line(step))
        run(installation, WARM_UP, model, Limits(), lambda _: None)
        found = capacity.search(asked.limit)
        report = capacity.save()
    print(f"\n{conclusion(found, capacity)}\n\n{report}")
    if any(step["counts"].get(name) for step in steps for name in INTEGRITY):
        sys.exit(UNSOUND)
    sys.exit(0 if found.kept else NOTHING_KEPT)


def conclusion(found: Bracket, capacity: Capacity) -> str:
    """One line, as the sizing page has it."""
    best = [step["summary"] for step in capacity.steps if step["users"] == found.kept and step["kept"]]
    if not best:
        return "no load kept the limits"
    here, rate = capacity.machine, best[0]["sends_per_s"]
    size = f"{here['cpus']} cores and {here['memory_gib']:g} GiB for all, users and model too"
    return f"{found.kept} users at once, {rate:.0f} messages a second, on {size}"


def _steps_of(folder: Path) -> list[Step]:
    written = folder / "capacity.json"
    return cast("list[Step]", json.loads(written.read_text())["steps"]) if written.exists() else []


if __name__ == "__main__":
    ended(main)
