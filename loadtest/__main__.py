"""One load test of one profile: `python -m loadtest PROFILE --users 100 --seconds 60`, by hand `make loadtest PROFILE=…`.

Starts the profile's servers on loopback, lets users talk, counts what became of every message, and measures. Exit code 1 if anything was
lost, doubled, swapped or mixed, or if a limit was broken.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from loadtest.command import Parser, ended
from loadtest.output import new_folder, save
from loadtest.profiles import Profile, all_profiles
from loadtest.running import kinds, progress
from loadtest.running.installation import started
from loadtest.running.load import Load, Model
from loadtest.running.run import run
from loadtest.running.table import table
from loadtest.verdict import Limits


def parser(chosen: Profile | None = None) -> Parser:
    """The options; a profile may have defaults of its own."""
    names = "\n".join(f"  {one.name:<26}{one.title}" for one in all_profiles().values())
    options = Parser("python -m loadtest", __doc__, epilog=f"profiles:\n{names}")
    options.add_argument("profile", type=kinds.profile, metavar="PROFILE")
    Load.add_options(options, chosen)
    Model.add_options(options, chosen)
    options.add_argument(
        "--set", type=kinds.setting, action="append", default=[], metavar="NAME=VALUE", help="a setting, without IM_; may be repeated"
    )
    options.add_argument("--max-accept-p99-ms", type=float)
    options.add_argument("--max-first-token-p99-ms", type=float)
    options.add_argument("--min-availability", type=float, default=0.999)
    return options


def main() -> None:
    chosen = parser().parse_args().profile
    asked = parser(chosen).parse_args()
    limits = Limits(
        accept_p99_ms=asked.max_accept_p99_ms, first_token_p99_ms=asked.max_first_token_p99_ms, availability=asked.min_availability
    )
    load, model = Load.of(asked), Model.of(asked)
    chosen = replace(chosen, settings={**chosen.settings, **dict(asked.set)})
    print(f"{chosen.name}: {chosen.title}; {load.users} users for {load.seconds:g} s …", flush=True)
    with started(chosen, model) as installation:
        progress.head()
        result = run(installation, load, model, limits, progress.Progress())
    folder = new_folder(chosen.name)
    report = save(result, folder, "result.json")
    print(f"\n{table(result)}\n\n{report}")
    sys.exit(0 if result["verdict"]["passed"] else 1)


if __name__ == "__main__":
    ended(main)
