"""The figures of a run, from what its seconds have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.result import Moment, Summary
from loadtest.running.load import Load
from loadtest.running.samples import Sample
from loadtest.running.users import Final

CLIENT, MODEL = "client", "model"
NO_SERVERS = frozenset({CLIENT, MODEL})
"""Parts whose CPU and memory are not the service's."""

MIN_SECONDS = 2
"""CPU is a difference."""


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the run: what the users told, and what the parts had used when they told it."""

    moment: Moment
    sample: Sample


def summary(load: Load, begun: Sample, seconds: Sequence[Second], final: Final) -> Summary:
    """`begun` is how it was before.

    Rates are those of the seconds in which all users were there, times those of what was sent from then on. Both are of the whole run
    where the load is no steady one, or all users were there for less than two seconds.
    """
    steady = within(seconds, final.steady_from_s, load.seconds)
    rates = Rates.of(steady or within(seconds, 0.0, load.seconds) or seconds)
    times = final.steady_times if steady else final.times
    samples = [begun, *(second.sample for second in seconds)]
    cpu_s = _used(samples)
    return {
        "sends_per_s": rates.sends_per_s,
        "replies_per_s": rates.replies_per_s,
        "accept_ms": times.get("accept", {}),
        "first_token_ms": times.get("first_token", {}),
        "reply_ms": times.get("reply", {}),
        "availability": final.availability,
        "cpu_s": servers(cpu_s),
        "client_cpu_s": cpu_s.get(CLIENT, 0.0),
        "model_cpu_s": cpu_s.get(MODEL, 0.0),
        "sends_per_cpu_s": rates.sends_per_s / rates.cores if rates.cores else 0.0,
        "replies_per_cpu_s": rates.replies_per_s / rates.cores if rates.cores else 0.0,
        "memory_mib": servers(_highest([second.sample.memory_mib for second in seconds])),
        "steady_from_s": final.steady_from_s if steady else None,
        "others_cores": _others_cores(samples[0], samples[-1], sum(cpu_s.values())),
    }


def within(seconds: Sequence[Second], from_s: float | None, until_s: float) -> Sequence[Second]:
    """Those between the two; none at all if they are too few for a rate."""
    if from_s is None:
        return []
    found = [second for second in seconds if from_s < second.moment["t_s"] <= until_s]
    return found if len(found) >= MIN_SECONDS else []


@dataclass(frozen=True, slots=True)
class Rates:
    """`cores` is how many cores the servers kept busy."""

    sends_per_s: float = 0.0
    replies_per_s: float = 0.0
    cores: float = 0.0

    @classmethod
    def of(cls, seconds: Sequence[Second]) -> Rates:
        if len(seconds) < MIN_SECONDS:
            return cls()
        samples = [second.sample for second in seconds]
        cpu_s = sum(servers(_used(samples)).values())
        later = [second.moment for second in seconds[1:]]  # what happened between the two samples
        return cls(
            sends_per_s=sum(moment["sends_per_s"] for moment in later) / len(later),
            replies_per_s=sum(moment["replies_per_s"] for moment in later) / len(later),
            cores=cpu_s / (samples[-1].at - samples[0].at),
        )


def servers(parts: Mapping[str, float]) -> dict[str, float]:
    """Without the users and the model."""
    return {part: value for part, value in parts.items() if part not in NO_SERVERS}


def _used(samples: Sequence[Sample]) -> dict[str, float]:
    """CPU by part since the first sample; of a part that has ended, or was not there yet, what was seen of it."""
    most = _highest([sample.cpu_s for sample in samples])
    return {part: cpu_s - samples[0].cpu_s.get(part, 0.0) for part, cpu_s in most.items()}


def _others_cores(first: Sample, last: Sample, ours_s: float) -> float:
    return max(0.0, last.machine_cpu_s - first.machine_cpu_s - ours_s) / max(last.at - first.at, 1e-3)


def _highest(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By part."""
    parts = {part: None for row in rows for part in row}
    return {part: max(row.get(part, 0.0) for row in rows) for part in parts}
