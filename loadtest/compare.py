"""Two profiles under the same load, in alternation: `python -m loadtest.compare A B --rounds 5`, by hand `make compare A=… B=…`.

Each round starts both anew, one after the other: A B, then B A, so that neither has the better place. Says of each figure which profile is
better, or that the difference is inside the noise. Exit code 1 if a run was not sound: a message lost, doubled, swapped or mixed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from loadtest.command import Parser, ended
from loadtest.figures import FIGURES, FigureForm, compare
from loadtest.output import new_folder, save
from loadtest.profiles import Profile, all_profiles
from loadtest.result import FORMAT, Result
from loadtest.running import kinds
from loadtest.running.installation import started
from loadtest.running.load import Load, Model
from loadtest.running.run import run
from loadtest.verdict import Limits

SECONDS = 20
SIDES = ("a", "b")


def parser() -> Parser:
    """The options."""
    options = Parser("python -m loadtest.compare", __doc__)
    options.add_argument("profiles", type=kinds.profile, nargs="*", metavar="A B")
    options.add_argument("--rounds", type=kinds.count, default=5)
    Load.add_options(options)
    Model.add_options(options)
    options.set_defaults(seconds=SECONDS)
    return options


def alternating(rounds: int) -> list[tuple[str, str]]:
    """Who goes first in each round: A B, B A, A B, …"""
    return [("a", "b") if number % 2 == 0 else ("b", "a") for number in range(rounds)]


def main() -> None:
    asked = parser().parse_args()
    if len(asked.profiles) != len(SIDES):
        parser().error(f"say which two profiles, A=… B=…; there are {', '.join(all_profiles())}")
    sides: dict[str, Profile] = dict(zip(SIDES, asked.profiles, strict=True))
    load, model = Load.of(asked), Model.of(asked)
    results: dict[str, list[Result]] = {"a": [], "b": []}
    a, b = (side.name for side in sides.values())
    folder = new_folder(f"{a}-against-{b}")
    print(f"A {a}, B {b}: {asked.rounds} rounds of {load.users} users for {load.seconds:g} s each", flush=True)
    for number, order in enumerate(alternating(asked.rounds), 1):
        for side in order:
            results[side].append(_one(sides[side], replace(load, seed=number), model))
            print(_line(number, side, results[side][-1]), flush=True)
        figures = compare([one["summary"] for one in results["a"][:number]], [one["summary"] for one in results["b"][:number]])
        report = save({"format": FORMAT, **results, "figures": figures}, folder, "compare.json")
    print(f"\n{table(figures)}\n\n{report}")
    sys.exit(1 if any(not one["verdict"]["passed"] for one in (*results["a"], *results["b"])) else 0)


def _one(side: Profile, load: Load, model: Model) -> Result:
    """Started anew: what a profile's processes happened to be like is a part of the noise."""
    with started(side, model) as installation:
        return run(installation, load, model, Limits(), lambda _: None)


def _line(number: int, side: str, result: Result) -> str:
    summary = result["summary"]
    p99 = summary["accept_ms"].get("p99") or 0.0
    others = f"others {summary['others_cores']:.1f} cores"
    figures = (
        f"{summary['replies_per_s']:7.1f} replies/s {summary['replies_per_cpu_s']:7.1f} a CPU-second, accept p99 {p99:5.0f} ms, {others}"
    )
    return f"round {number} {side.upper()}  {figures}  {'; '.join(result['verdict']['reasons'])}"


def table(figures: Sequence[FigureForm]) -> str:
    """A figure a row: median and spread of both sides, the ratio and how sure it is."""
    wide = max(len(figure.name) for figure in FIGURES) + 6
    head = f"{'':{wide}} {'A':^26} {'B':^26} {'B/A':>6}  interval"
    rows = [
        f"{figure['name'] + ', ' + figure['unit']:{wide}} {_spread(figure, 'a'):^26} {_spread(figure, 'b'):^26} {_ratio(figure)}"
        for figure in figures
    ]
    return "\n".join([head, *rows])


def _spread(figure: FigureForm, side: str) -> str:
    spread = figure["a"] if side == "a" else figure["b"]
    return f"{spread['median']:.4g} ({spread['min']:.4g} to {spread['max']:.4g})"


def _ratio(figure: FigureForm) -> str:
    interval = "too few rounds" if figure["low"] is None or figure["high"] is None else f"{figure['low']:.2f} to {figure['high']:.2f}"
    return f"{figure['ratio'] or 0.0:6.2f}  {interval:<14}  {figure['verdict']}"


if __name__ == "__main__":
    ended(main)
