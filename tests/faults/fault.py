"""Fault: a name, the harm, and the load in which it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tests.faults.crowd import Load
from tests.faults.evidence import Evidence
from tests.faults.scene import Harm, Scene

SPREAD = ("postgresql", "mariadb")
EMBEDDED = ("sqlite",)
EVERYWHERE = (*SPREAD, *EMBEDDED)

FaultCheck = Callable[[Scene, Evidence], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """`harm` is done `after_s` seconds into the load. `check` looks at the evidence for what only this fault can tell.

    `databases` are those it makes sense on, the usual one first. `model`: over HTTP, by the stand-in.
    `after_s` None: there is no load but what the harm itself makes.
    """

    name: str
    about: str
    harm: Harm
    databases: tuple[str, ...] = SPREAD
    load: Load = field(default_factory=Load)
    after_s: float | None = 3.0
    model: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    check: FaultCheck | None = None
