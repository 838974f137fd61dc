"""The form of result.json: all that one run has shown. Times in milliseconds, memory in MiB, a quantity that was not measured is None."""

from __future__ import annotations

from typing import TypedDict

FORMAT = 1

INTEGRITY = ("lost", "doubled", "out_of_order", "text_mismatch", "violations")
"""The counts that have to be 0. Every one of them is a broken promise, whatever the speed."""


class Percentiles(TypedDict, total=False):
    """Of a set of times, in milliseconds."""

    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None


class ProfileForm(TypedDict):
    """What ran. `settings` are `IM_…` variables without the prefix."""

    name: str
    title: str
    adapters: dict[str, str | int]
    settings: dict[str, str]


class Machine(TypedDict):
    """Where it ran. A server that took no part is None, and so is the commit outside a repository."""

    cpus: int
    memory_gib: float
    python: str
    platform: str
    postgresql: str | None
    mariadb: str | None
    redis: str | None
    commit: str | None


class Summary(TypedDict):
    """The run in figures. CPU is that of the servers: users and model have their own and are in no rate.

    Rates and times are those of the steady part, which begins at `steady_from_s`; None if they are of the whole run.
    `others_cores` is how many of the machine's cores were busy with something else, or taken away: above half a core it was too much.
    """

    sends_per_s: float
    replies_per_s: float
    accept_ms: Percentiles
    first_token_ms: Percentiles
    reply_ms: Percentiles
    availability: float | None
    cpu_s: dict[str, float]
    client_cpu_s: float
    model_cpu_s: float
    sends_per_cpu_s: float
    replies_per_cpu_s: float
    memory_mib: dict[str, float]
    steady_from_s: float | None
    others_cores: float


class Moment(TypedDict):
    """One second of the run. The percentiles are those of this second."""

    t_s: float
    users: int
    sends_per_s: float
    replies_per_s: float
    accept_ms: Percentiles
    first_token_ms: Percentiles
    reply_ms: Percentiles
    queue_depth: float | None
    broker_queue_length: float | None
    cpu_cores: dict[str, float]
    memory_mib: dict[str, float]
    errors_per_s: float


class VerdictForm(TypedDict):
    """`reasons` say why it did not pass."""

    passed: bool
    reasons: list[str]


class Result(TypedDict):
    """One run. `audit` is None where no other process can read the store."""

    format: int
    profile: ProfileForm
    load: dict[str, object]
    model: dict[str, object]
    machine: Machine
    started_at: str
    seconds: float
    counts: dict[str, int]
    failed_by_code: dict[str, int]
    rejected_by_code: dict[str, int]
    examples: list[str]
    summary: Summary
    series: list[Moment]
    audit: dict[str, int] | None
    verdict: VerdictForm
