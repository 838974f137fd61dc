"""Running benchmarks: all variants of one round in turn, or two commits at once, then the next round."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from loadtest.benchmarks.at_once import all_at_once
from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant
from loadtest.benchmarks.cpu import wait_for_quiet
from loadtest.benchmarks.results import Results

NOISY_CORES = 0.5
"""A sample while others used more than this is thrown away, and measured again this often:"""
REPEATS = 2
QUIET_S = 20.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A variant and the code that it is to run, under the name that results give it."""

    name: str
    variant: Variant
    trial: Trial


def run_rounds(benchmark: Benchmark, groups: Sequence[Sequence[Turn]], rounds: int, results: Results) -> None:
    """Fill in what `results` does not have yet; saved after every sample. The turns of a group are taken at once."""
    for number in range(rounds):
        samples = results.round(benchmark.name, number)
        for turns in groups:
            if all(turn.name in samples for turn in turns):
                continue
            where = f"{benchmark.name} {number + 1}/{rounds}"
            try:
                measured = _measured(where, turns, results)
            except Exception as error:  # whatever goes wrong here, the others are still measured, and the run fails
                if _is_interrupted(error):
                    raise KeyboardInterrupt from error
                names = " beside ".join(turn.name for turn in turns)
                results.failures.append(f"{where} {names}: {type(error).__name__}: {error}")
                print(f"{where} {names}: FAILED with {type(error).__name__}: {error}", flush=True)
            else:
                samples.update(measured)
            results.save()


def _is_interrupted(error: BaseException | None) -> bool:
    """Ctrl-C reaches the servers too, and taking them down can then fail with an error that hides it."""
    return error is not None and (isinstance(error, KeyboardInterrupt) or _is_interrupted(error.__context__))


def _measured(where: str, turns: Sequence[Turn], results: Results) -> dict[str, Sample]:
    """The samples by the turns' names."""
    quick = turns[0].trial.quick
    repeats = 0 if quick else REPEATS
    for attempt in range(repeats + 1):
        wait_for_quiet(0 if quick else QUIET_S)
        begun = time.monotonic()
        samples = dict(
            zip((turn.name for turn in turns), all_at_once([partial(turn.variant.measure, turn.trial) for turn in turns]), strict=True)
        )
        noisy = any(sample.others_cores > NOISY_CORES for sample in samples.values())
        for name, sample in samples.items():
            _tell(f"{where} {name}", sample, time.monotonic() - begun, noisy)
            if noisy and attempt == repeats:
                results.noisy.append(f"{where} {name}: others used {sample.others_cores:.2f} cores")
        if not noisy:
            break
    return samples


def _tell(where: str, sample: Sample, took_s: float, noisy: bool) -> None:
    shown = "  ".join(f"{name} {value:,.4g}" for name, value in sample.figures.items())
    cpu = " ".join(f"{name} {cpu_s:.1f}" for name, cpu_s in sample.cpu_s.items())
    mark = "  NOISY" if noisy else ""
    pace = f"pace {sample.pace_per_us:.1f}; " if sample.pace_per_us else ""
    print(
        f"{where}: {shown}  |  cpu_s {cpu}; client {sample.client_cpu_s:.1f}; others {sample.others_cores:.2f} cores; "
        f"{pace}{sample.seconds:.0f} of {took_s:.0f} s{mark}",
        flush=True,
    )
