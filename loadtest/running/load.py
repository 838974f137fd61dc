"""What the users do, and how the model answers them: the options of every command of the kit."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from loadtest.profiles import Profile


def _option(default: Any, said: str) -> Any:
    """A field that is an option of the command line, too."""
    return field(default=default, metadata={"help": f"{said} ({default})" if default != "" else said})


@dataclass(frozen=True, slots=True)
class Load:
    """What the users do. Distributions are written as `loadtest.model` takes them."""

    scenario: str = _option("websocket", "http, websocket, mixed, storm, double-texting or idle")
    users: int = _option(100, "how many talk")
    spawn_rate: float = _option(50.0, "how many come a second")
    seconds: float = _option(60.0, "how long they talk")
    shape: str = _option("steady", "steady, ramp or spike")
    think: str = _option("constant:0", "pause after a reply in seconds, a distribution")
    seed: int = _option(1, "of all that users decide")
    patience_s: float = _option(60.0, "how long a user waits for a reply, and at the end for what is still to come")

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser, profile: Profile | None = None) -> None:
        _add_options(parser, cls(), profile)

    @classmethod
    def of(cls, asked: argparse.Namespace) -> Self:
        return cls(**{one.name: getattr(asked, one.name) for one in fields(cls)})

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Model:
    """How the stand-in answers."""

    first_token_s: str = _option("fixed:0.2", "the model's time to the first token, a distribution")
    tokens_per_s: str = _option("fixed:50", "its pace from there on, a distribution")
    tokens: str = _option("fixed:40", "length of a reply, a distribution")
    faults: str = _option("", "shares of calls that fail: 429:0.01,500:0.01,hang:0.001,cut:0.01,slow:0.1")
    model_seed: int = _option(1, "of all that the model says")

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser, profile: Profile | None = None) -> None:
        _add_options(parser, cls(), profile)

    @classmethod
    def of(cls, asked: argparse.Namespace) -> Self:
        return cls(**{one.name: getattr(asked, one.name) for one in fields(cls)})

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def _add_options(parser: argparse.ArgumentParser, defaults: Load | Model, profile: Profile | None) -> None:
    """One option a field; a profile may have defaults of its own."""
    own = profile.load if profile else {}
    for one in fields(defaults):
        default = getattr(defaults, one.name)
        kind = type(default)
        name = f"--{one.name.replace('_', '-')}"
        parser.add_argument(
            name, type=kind, default=kind(own.get(one.name, default)), metavar=kind.__name__.upper(), help=one.metadata["help"]
        )
