"""The long form of the fault suite: `make chaos`, options in ARGS.

    make chaos ARGS="--only worker-killed,redis-away --seed 7"
    make chaos ARGS="--only repeated-sends --messages 1000"
    make chaos ARGS="--database mariadb --json figures.json"

Exit 1 if anything was lost, doubled, mixed up, out of order or otherwise wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults.catalogue import CATALOGUE
from tests.faults.fault import EVERYWHERE, Fault
from tests.faults.mix import MINUTES, mix
from tests.faults.planted import PLANTS
from tests.faults.progress import say
from tests.faults.row import Row
from tests.faults.run import LONGEST_S, run_alone
from tests.faults.table import table


def main() -> int:
    options = _options().parse_args()
    if options.list:
        _print("\n".join(f"{fault.name:26} {'/'.join(fault.databases):28} {fault.about}" for fault in CATALOGUE.values()))
        return 0
    seed = random.randrange(2**32) if options.seed is None else options.seed
    _print(f"seed {seed}")
    rows: list[Row] = []
    try:
        asyncio.run(_run_all(_chosen(options), options, seed, rows))
    except KeyboardInterrupt:
        say("interrupted")
    _print(table(rows))
    if options.json:
        options.json.write_text(
            json.dumps({"seed": seed, "plant": options.plant, "faults": [row.as_json for row in rows]}, indent=2) + "\n"
        )
    return 0 if rows and all(row.is_clean for row in rows) else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name all faults")
    parser.add_argument("--seed", type=int, help="of all dice; printed first")
    parser.add_argument("--only", type=_names, default=list(CATALOGUE), metavar="NAME,…", help="these faults (default: all)")
    parser.add_argument("--database", choices=EVERYWHERE, help="those faults that make sense there, there")
    parser.add_argument("--messages", type=int, help="messages in each fault (default: 200)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"how long the mix takes (default: {MINUTES:g})")
    parser.add_argument("--plant", choices=list(PLANTS), default="", help="start imcore with this bug in it, to see it caught")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in CATALOGUE]:
        raise argparse.ArgumentTypeError(f"no fault is called {', '.join(unknown)}; --list names them")
    return names


def _chosen(options: argparse.Namespace) -> list[tuple[Fault, str]]:
    """Each fault and the database it runs on: the one asked for, else the usual one."""
    faults = [mix(options.minutes) if name == "mix" else CATALOGUE[name] for name in options.only]
    return [(fault, options.database or fault.databases[0]) for fault in faults if options.database in {None, *fault.databases}]


async def _run_all(chosen: Sequence[tuple[Fault, str]], options: argparse.Namespace, seed: int, rows: list[Row]) -> None:
    for fault, database in chosen:
        longest_s = options.minutes * 60 + LONGEST_S if fault.name == "mix" else LONGEST_S + (options.messages or 0)
        try:
            row = await run_alone(fault, database, seed=seed, messages=options.messages, plant=options.plant, longest_s=longest_s)
        except Exception as error:  # noqa: BLE001  (one fault that cannot be judged must not hide what the others found)
            row = Row(fault.name, database, problems=[f"could not be judged: {type(error).__name__}: {error}"])
            say(f"{fault.name}: {row.problems[0]}")
        rows.append(row)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
