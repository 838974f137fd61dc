"""What a crowd of users is told: on the command line, or in the environment as `IM_LOAD_…`."""

from __future__ import annotations

import os
import secrets
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field

from imcore.double_texting import DoubleTexting
from loadtest.model.distribution import Distribution


@dataclass(frozen=True, slots=True)
class Options:
    """`hosts` share the users. `run` is part of every user's name, so that runs against one database do not meet.

    `jwt_secret` None: guests. `model_seed` None: the model is none whose answers can be foreseen. `patience_s`: how long a user waits for
    a reply before going on, and at the end for what is still to come.
    """

    hosts: tuple[str, ...] = ("http://127.0.0.1:8000",)
    seed: int = 0
    model_seed: int | None = None
    jwt_secret: str | None = None
    think: Distribution = field(default_factory=lambda: Distribution("constant", (0.0,)))
    double_texting: DoubleTexting = DoubleTexting.QUEUE
    patience_s: float = 60.0
    storm_every_s: float = 10.0
    run: str = field(default_factory=lambda: secrets.token_hex(3))

    @classmethod
    def of(cls, asked: Namespace, *, hosts: tuple[str, ...]) -> Options:
        """Those that `add_options` has added to a parser."""
        return cls(
            hosts=tuple(host.rstrip("/") for host in hosts),
            seed=int(asked.seed),
            model_seed=None if asked.model_seed in {None, ""} else int(asked.model_seed),
            jwt_secret=asked.jwt_secret or None,
            think=Distribution.parse(str(asked.think)),
            double_texting=DoubleTexting(asked.double_texting),
            patience_s=float(asked.patience_s),
            storm_every_s=float(asked.storm_every_s),
            run=asked.run or secrets.token_hex(3),
        )


def add_options(parser: ArgumentParser) -> None:
    """Add the users' options, with what the environment says as defaults."""
    at_hand = os.environ.get
    parser.add_argument("--seed", default=at_hand("IM_LOAD_SEED", "0"), help="the same seed has the same things said and done")
    parser.add_argument("--model-seed", default=at_hand("IM_LOAD_MODEL_SEED", ""), help="of loadtest.model; empty: another model")
    parser.add_argument("--jwt-secret", default=at_hand("IM_JWT_SECRET", ""), help="signs the users' tokens; empty: guests")
    parser.add_argument("--think", default=at_hand("IM_LOAD_THINK", "constant:0"), help="seconds between reply and message: a distribution")
    modes = [mode.value for mode in DoubleTexting]
    parser.add_argument("--double-texting", choices=modes, default=at_hand("IM_DOUBLE_TEXTING", "queue"), help="the service's mode")
    parser.add_argument("--patience-s", default=at_hand("IM_LOAD_PATIENCE_S", "60"), help="how long a reply may take")
    parser.add_argument("--storm-every-s", default=at_hand("IM_LOAD_STORM_EVERY_S", "10"), help="when all users of a storm drop at once")
    parser.add_argument("--run", default=at_hand("IM_LOAD_RUN", ""), help="part of the users' names; empty: random")
