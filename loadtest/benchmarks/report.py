"""The results as text: medians with what they vary between, and whether each claim holds."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from loadtest.benchmarks.benchmark import Benchmark, Claim
from loadtest.benchmarks.results import Results, Round, values_of

_WHOLE = 100


def report(results: Results, benchmarks: Sequence[Benchmark]) -> str:
    """All of it."""
    environment = results.environment
    against = f" against {environment['base']}" if environment["base"] else ""
    cpus = f"{environment['cpus']} CPUs{', kept awake' if environment.get('awake') else ''}"
    lines = [
        f"imcore {environment['commit']}{against}, {environment['begun_at']}, Python {environment['python']}, {cpus}",
        f"{environment['postgresql']}; {environment['redis']}",
        "cpu_s is user and system time of the server's processes; clients and stand-in models are not in it.",
    ]
    for benchmark in benchmarks:
        lines += ["", *_of_one(benchmark, results.rounds.get(benchmark.name, []))]
    lines += [f"FAILED  {failure}" for failure in results.failures]
    lines += [f"NOISY   {where}" for where in results.noisy]
    lines += [f"falls short: {claim}" for claim in _shortfalls(results, benchmarks)]
    return "\n".join(lines)


def _shortfalls(results: Results, benchmarks: Sequence[Benchmark]) -> list[str]:
    """The claims that do not hold."""
    return [
        f"{benchmark.name}: {claim.name}"
        for benchmark in benchmarks
        for claim in benchmark.claims
        if (values := values_of(claim, results.rounds.get(benchmark.name, []))) and not claim.holds(values)
    ]


def _of_one(benchmark: Benchmark, rounds: list[Round]) -> Iterator[str]:
    yield f"{benchmark.name}: {benchmark.title} ({len(rounds)} rounds)"
    variants = list(dict.fromkeys(variant for samples in rounds for variant in samples))
    width = max([len(variant) for variant in variants], default=0)
    for figure in benchmark.figures:
        shown = [
            (variant, [s[variant].figures[figure] for s in rounds if variant in s and figure in s[variant].figures]) for variant in variants
        ]
        if any(values for _, values in shown):
            yield f"  {figure}"
        yield from (f"    {variant:{width}}  {spread(values)}" for variant, values in shown if values)
    for claim in benchmark.claims:
        values = values_of(claim, rounds)
        if values:
            yield _claim_line(claim, values)
        elif claim.is_bounded:
            yield f"  = {claim.name}  not measured"


def _claim_line(claim: Claim, values: Sequence[float]) -> str:
    bounds = [f"at least {claim.at_least:g}" for _ in range(claim.at_least is not None)]
    bounds += [f"at most {claim.at_most:g}" for _ in range(claim.at_most is not None)]
    rounds = " in every round" if claim.every_round else ""
    verdict = f"   {'holds' if claim.holds(values) else 'FALLS SHORT'}: {' and '.join(bounds)}{rounds}" if bounds else ""
    return f"  = {claim.name}  {spread(values)}{verdict}"


def spread(values: Sequence[float]) -> str:
    """Median, least and greatest."""
    return f"{number(statistics.median(values))} ({number(min(values))} … {number(max(values))})"


def number(value: float) -> str:
    """Three figures that count."""
    return f"{value:,.0f}" if abs(value) >= _WHOLE else f"{value:.3g}"
