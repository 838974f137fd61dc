"""Benchmarks against a named reference that runs in turn; docs/benchmarks.md says how to read them.

python -m loadtest.benchmarks http-sends --rounds 3
python -m loadtest.benchmarks --base v0.1.0            # this tree against another commit
"""

from __future__ import annotations

import argparse
import resource
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from loadtest.benchmarks import catalogue
from loadtest.benchmarks.awake import cores_kept_awake
from loadtest.benchmarks.benchmark import Trial
from loadtest.benchmarks.checkout import ROOT, WrongCheckoutError, checked_out, this_tree
from loadtest.benchmarks.environment import environment
from loadtest.benchmarks.report import report
from loadtest.benchmarks.results import Results, WrongResultsError
from loadtest.benchmarks.rounds import run_rounds

FOLDER = ROOT / "build" / "bench"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks, all if none is named; * stands for anything")
    parser.add_argument("--variants", nargs="+", default=[], metavar="NAME", help="only these variants")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a glance: short runs whose figures are good for nothing else")
    parser.add_argument("--base", metavar="COMMIT", help="compare this tree with another commit, in turn")
    parser.add_argument("--at-once", action="store_true", help="with --base: both commits at the same time instead of in turn")
    parser.add_argument("--awake", action="store_true", help="keep every core awake meanwhile, as on a busy machine")
    parser.add_argument("--json", type=Path, metavar="PATH", help="results; default: a new file in build/bench")
    parser.add_argument("--resume", action="store_true", help="go on with the newest file in build/bench, or that of --json")
    parser.add_argument("--list", action="store_true", help="what there is")
    asked = parser.parse_args()
    if asked.at_once and not asked.base:
        parser.error("--at-once is for two commits: --base names the other")
    return asked


def main() -> int:
    asked = options()
    if asked.list:
        for benchmark in catalogue.ALL:
            print(f"{benchmark.name:18} {benchmark.title}\n{'':18} {', '.join(variant.name for variant in benchmark.variants)}")
        return 0
    try:
        return run(asked)
    except (catalogue.UnknownBenchmarkError, WrongCheckoutError, WrongResultsError) as error:
        print(error, file=sys.stderr)
        return 2


def run(asked: argparse.Namespace) -> int:
    """Returns 1 if anything failed; a claim that falls short is a finding, no failure."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # the processes that we start inherit it
    trial = Trial(this_tree(), asked.quick)
    trial.imcore.check()
    with ExitStack() as stack:
        base = stack.enter_context(checked_out(asked.base)) if asked.base else None
        if base:
            base.check()
        benchmarks = [catalogue.only(benchmark, asked.variants) for benchmark in catalogue.chosen(asked.names, comparing=base is not None)]
        if base:
            benchmarks = [catalogue.compared(benchmark, base) for benchmark in benchmarks]
        if asked.awake:
            stack.enter_context(cores_kept_awake())
        results = _results(asked, base.label if base else None)
        try:
            for benchmark in benchmarks:
                groups = (
                    catalogue.compared_turns(benchmark, trial, base, at_once=asked.at_once) if base else catalogue.turns(benchmark, trial)
                )
                run_rounds(benchmark, groups, asked.rounds, results)
        except KeyboardInterrupt:
            print(f"\ninterrupted; go on with --resume --json {results.path}", file=sys.stderr)
        print(f"\n{report(results, benchmarks)}\n\n{results.path}")
    return 1 if results.failures else 0


def _results(asked: argparse.Namespace, base: str | None) -> Results:
    found = environment(base=base, quick=asked.quick, awake=asked.awake)
    if asked.resume:
        written = sorted(FOLDER.glob("*.json"), key=lambda path: path.stat().st_mtime)
        path = asked.json or (written[-1] if written else None)
        if path is None or not path.exists():
            raise WrongResultsError("--resume: there is no file to go on with")
        return Results.resumed(path, found)
    return Results(asked.json or FOLDER / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json", found)


if __name__ == "__main__":
    sys.exit(main())
