"""The JSON of a run: written after every sample, so that an interrupted run keeps what it has and can go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loadtest.benchmarks.benchmark import Claim, Figures, Sample

FORMAT = 1

Round = dict[str, Sample]
"""The samples of one round by variant."""


class WrongResultsError(Exception):
    """The file cannot be resumed: it is of another commit, or of other options."""


@dataclass(slots=True)
class Results:
    """`rounds` by benchmark; `failures` says what went wrong where, and `noisy` where others used the machine to the end."""

    path: Path
    environment: dict[str, Any]
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    noisy: list[str] = field(default_factory=list)

    @classmethod
    def resumed(cls, path: Path, environment: Mapping[str, Any]) -> Results:
        """What the file holds. Raises `WrongResultsError` if it was measured with other code or options."""
        data = json.loads(path.read_text())
        for name in ("commit", "base", "quick", "awake", "cpus"):
            if data["environment"].get(name) != environment.get(name):
                raise WrongResultsError(f"{path}: measured with {name} {data['environment'].get(name)}, now it is {environment.get(name)}")
        rounds = {
            name: [{variant: Sample(**sample) for variant, sample in samples.items()} for samples in of_one]
            for name, of_one in data["rounds"].items()
        }
        return cls(path, data["environment"], rounds, noisy=data["noisy"])  # what failed is tried again

    def round(self, benchmark: str, number: int) -> Round:
        """Round `number` (from 0), to be filled."""
        rounds = self.rounds.setdefault(benchmark, [])
        rounds += [{} for _ in range(number + 1 - len(rounds))]
        return rounds[number]

    def save(self) -> None:
        """Replaces the file in one step: it is whole at any time."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps({"format": FORMAT, **self._as_json()}, indent=1))
        draft.replace(self.path)

    def _as_json(self) -> dict[str, Any]:
        rounds = {
            name: [{variant: asdict(sample) for variant, sample in samples.items()} for samples in of_one]
            for name, of_one in self.rounds.items()
        }
        return {"environment": self.environment, "rounds": rounds, "failures": self.failures, "noisy": self.noisy}


def figures_of(samples: Round) -> dict[str, Figures]:
    return {variant: sample.figures for variant, sample in samples.items()}


def values_of(claim: Claim, rounds: list[Round]) -> list[float]:
    """The claim's figure in every round that has all it needs."""
    return [value for samples in rounds if (value := _value_of(claim, samples)) is not None]


def _value_of(claim: Claim, samples: Round) -> float | None:
    if not set(claim.needs) <= samples.keys():
        return None
    try:
        return claim.of(figures_of(samples))
    except (KeyError, ZeroDivisionError):  # a variant without this figure, or one that did nothing: its figures show it
        return None
