"""What the users do, and how the model answers them: the options of every command of the kit."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from loadtest.profiles import Profile
from loadtest.running import kinds

SCENARIOS = ("http", "websocket", "mixed", "storm", "double-texting", "idle")
SHAPES = ("steady", "ramp", "spike")


def _option(default: Any, said: str, kind: Callable[[str], Any]) -> Any:
    """A field that is an option of the command line, too; `kind` reads it."""
    return field(default=default, metadata={"help": f"{said} ({default})" if default != "" else said, "kind": kind})


@dataclass(frozen=True, slots=True)
class _Options:
    """Every field is an option."""

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser, profile: Profile | None = None) -> None:
        """A profile may have defaults of its own."""
        own = profile.load if profile else {}
        for one in fields(cls):
            parser.add_argument(
                f"--{one.name.replace('_', '-')}",
                type=one.metadata["kind"],
                default=own.get(one.name, one.default),
                metavar=type(one.default).__name__.upper(),
                help=one.metadata["help"],
            )

    @classmethod
    def of(cls, asked: argparse.Namespace) -> Self:
        return cls(**{one.name: getattr(asked, one.name) for one in fields(cls)})

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Load(_Options):
    """What the users do. Distributions are written as `loadtest.model` takes them."""

    scenario: str = _option("websocket", ", ".join(SCENARIOS), kinds.one_of(*SCENARIOS))
    users: int = _option(100, "how many talk", kinds.count)
    spawn_rate: float = _option(50.0, "how many come a second", kinds.above_0)
    seconds: float = _option(60.0, "how long they talk", kinds.above_0)
    shape: str = _option("steady", ", ".join(SHAPES), kinds.one_of(*SHAPES))
    think: str = _option("constant:0", "pause after a reply in seconds, a distribution", kinds.distribution)
    seed: int = _option(1, "of all that users decide", int)
    patience_s: float = _option(60.0, "how long a user waits for a reply, and at the end for what is still to come", kinds.above_0)


@dataclass(frozen=True, slots=True)
class Model(_Options):
    """How the stand-in answers."""

    first_token_s: str = _option("fixed:0.2", "the model's time to the first token, a distribution", kinds.distribution)
    tokens_per_s: str = _option("fixed:50", "its pace from there on, a distribution", kinds.distribution)
    tokens: str = _option("fixed:40", "length of a reply, a distribution", kinds.distribution)
    faults: str = _option("", "shares of calls that fail: 429:0.01,500:0.01,hang:0.001,cut:0.01,slow:0.1", kinds.fault_rates)
    model_seed: int = _option(1, "of all that the model says", int)
