"""All benchmarks there are, and what of them is to be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch

from loadtest.benchmarks import parts, whole_path
from loadtest.benchmarks.benchmark import Benchmark, Trial, Variant, ratio
from loadtest.benchmarks.checkout import Checkout
from loadtest.benchmarks.rounds import Turn

ALL: Sequence[Benchmark] = (*whole_path.BENCHMARKS, *parts.BENCHMARKS)


class UnknownBenchmarkError(Exception):
    """No benchmark has such a name."""


def chosen(names: Sequence[str], *, comparing: bool) -> list[Benchmark]:
    """Those with one of these names, `*` stands for anything; all, or all that are compared, if none is named."""
    if not names:
        return [benchmark for benchmark in ALL if benchmark.in_compare or not comparing]
    for name in names:
        if not any(fnmatch(benchmark.name, name) for benchmark in ALL):
            raise UnknownBenchmarkError(f"{name}: no such benchmark; there are {', '.join(benchmark.name for benchmark in ALL)}")
    return [benchmark for benchmark in ALL if any(fnmatch(benchmark.name, name) for name in names)]


def only(benchmark: Benchmark, variants: Sequence[str]) -> Benchmark:
    """With these variants alone and what is claimed of them, `*` stands for anything; all if none is named."""
    kept = [variant for variant in benchmark.variants if not variants or any(fnmatch(variant.name, name) for name in variants)]
    names = {variant.name for variant in kept}
    return replace(benchmark, variants=tuple(kept), claims=tuple(claim for claim in benchmark.claims if names.issuperset(claim.needs)))


def turns(benchmark: Benchmark, trial: Trial) -> list[list[Turn]]:
    """Every variant once, on this tree's code, in groups that are taken at once: each alone."""
    return [[Turn(variant.name, variant, trial)] for variant in benchmark.variants]


def compared(benchmark: Benchmark, base: Checkout) -> Benchmark:
    """The same benchmark as a comparison: claims are ratios of this tree to the base, for each of its figures."""
    ours = [variant for variant in benchmark.variants if variant.is_imcore]
    claims = tuple(ratio(variant.name, _base_name(variant, base), figure) for variant in ours for figure in benchmark.figures)
    return replace(benchmark, variants=tuple(ours), claims=claims)


def compared_turns(benchmark: Benchmark, trial: Trial, base: Checkout, *, at_once: bool) -> list[list[Turn]]:
    """Every variant on the base and on this tree, in groups that are taken at once: each alone, neighbours, or both together."""
    pairs = [
        [Turn(_base_name(variant, base), variant, replace(trial, imcore=base)), Turn(variant.name, variant, trial)]
        for variant in benchmark.variants
    ]
    return pairs if at_once else [[turn] for pair in pairs for turn in pair]


def _base_name(variant: Variant, base: Checkout) -> str:
    return f"{variant.name} of {base.label}"
