"""Running benchmarks: all variants of one round in turn, then the next round."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

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


def run_rounds(benchmark: Benchmark, turns: Sequence[Turn], rounds: int, results: Results) -> None:
    """Fill in what `results` does not have yet; saved after every sample."""
    for number in range(rounds):
        samples = results.round(benchmark.name, number)
        for turn in turns:
            if turn.name in samples:
                continue
            where = f"{benchmark.name} {number + 1}/{rounds} {turn.name}"
            try:
                sample = _measured(where, turn, results)
            except Exception as error:  # whatever goes wrong here, the others are still measured, and the run fails
                if _is_interrupted(error):
                    raise KeyboardInterrupt from error
                results.failures.append(f"{where}: {type(error).__name__}: {error}")
                print(f"{where}: FAILED with {type(error).__name__}: {error}", flush=True)
            else:
                samples[turn.name] = sample
            results.save()


def _is_interrupted(error: BaseException | None) -> bool:
    """Ctrl-C reaches the servers too, and taking them down can then fail with an error that hides it."""
    return error is not None and (isinstance(error, KeyboardInterrupt) or _is_interrupted(error.__context__))


def _measured(where: str, turn: Turn, results: Results) -> Sample:
    repeats = 0 if turn.trial.quick else REPEATS
    for attempt in range(repeats + 1):
        wait_for_quiet(0 if turn.trial.quick else QUIET_S)
        begun = time.monotonic()
        sample = turn.variant.measure(turn.trial)
        noisy = sample.others_cores > NOISY_CORES
        _tell(where, sample, time.monotonic() - begun, noisy)
        if not noisy:
            return sample
        if attempt == repeats:
            results.noisy.append(f"{where}: others used {sample.others_cores:.2f} cores")
    return sample


def _tell(where: str, sample: Sample, took_s: float, noisy: bool) -> None:
    shown = "  ".join(f"{name} {value:,.4g}" for name, value in sample.figures.items())
    cpu = " ".join(f"{name} {cpu_s:.1f}" for name, cpu_s in sample.cpu_s.items())
    mark = "  NOISY" if noisy else ""
    print(
        f"{where}: {shown}  |  cpu_s {cpu}; client {sample.client_cpu_s:.1f}; others {sample.others_cores:.2f} cores; "
        f"pace {sample.pace_per_us:.1f}; {sample.seconds:.0f} of {took_s:.0f} s{mark}",
        flush=True,
    )
