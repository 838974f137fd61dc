"""Row: one fault's line in the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tests.faults.crowd import Crowd
from tests.faults.scene import Scene
from tests.faults.times import acceptances, longest_silence, quantile, recoveries
from tests.faults.verdict import Verdict

MUST_BE_ZERO = ("lost", "doubled", "mixed", "out_of_order", "violations")
FINDINGS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """Times in seconds; None where there is nothing to measure. `findings` says which messages the counts are about."""

    fault: str
    database: str
    accepted: int = 0
    replied: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    cancelled: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    mixed: int = 0
    violations: int = 0
    unaccepted: int = 0
    resumes: int = 0
    not_recovered: int = 0
    silence_s: float | None = None
    affected: int = 0
    recovery_p50_s: float | None = None
    recovery_p99_s: float | None = None
    accept_p99_s: float | None = None
    took_s: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.problems and not any(getattr(self, name) for name in MUST_BE_ZERO)

    @property
    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "clean": self.is_clean}


def row_of(scene: Scene, verdict: Verdict, took_s: float) -> Row:
    """Counts from the verdict, times from the users."""
    users = scene.crowd.users
    recovered = recoveries(users, scene.mended) if scene.mended else []
    accepted = acceptances(users, scene.broken, max(scene.mended, scene.broken + 1) if scene.broken else float("inf"))
    return Row(
        fault=scene.name,
        database=scene.installation.plan.database,
        accepted=verdict.accepted,
        replied=verdict.replied,
        failed=dict(verdict.failed),
        cancelled=verdict.cancelled,
        **{name: len(getattr(verdict, name)) for name in MUST_BE_ZERO},
        unaccepted=scene.crowd.unaccepted,
        **_connections(scene.crowd),
        silence_s=longest_silence(users),
        affected=len(recovered),
        recovery_p50_s=quantile(recovered, 0.5),
        recovery_p99_s=quantile(recovered, 0.99),
        accept_p99_s=quantile(accepted, 0.99),
        took_s=took_s,
        figures=scene.figures,
        problems=scene.problems,
        findings=_findings(verdict),
    )


def _connections(crowd: Crowd) -> dict[str, int]:
    return {"resumes": crowd.count(lambda user: user.resumes), "not_recovered": crowd.count(lambda user: user.not_recovered)}


def _findings(verdict: Verdict) -> list[str]:
    lines: Sequence[str] = [f"{name}: {line}" for name in MUST_BE_ZERO for line in getattr(verdict, name)]
    return [*lines[:FINDINGS_SHOWN], *([f"and {len(lines) - FINDINGS_SHOWN} more"] if len(lines) > FINDINGS_SHOWN else [])]
