"""The database operations on ten thousand messages and on ten million: the same code, the same server, another size.

The databases are made by the first run, which takes a quarter of an hour and 10 GB, and stay in `build/growth` or where
`GROWTH_DATA_DIR` says.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from loadtest.benchmarks.benchmark import Benchmark, Claim, Sample, Trial, Variant, ratio
from loadtest.benchmarks.checkout import ROOT
from loadtest.benchmarks.cpu import watch
from loadtest.growth.databases import grown

SMALL, LARGE = 10_000, 10_000_000
ROUNDS = 20
MOST = 1.3

OPERATIONS = ("send", "list: newest page", "list: page after", "list: page before", "claim", "sweep", "prompt")
EXTREMES = ("short: newest page", "long: newest page")


def _measured(messages: int, trial: Trial) -> Sample:
    data_dir = Path(os.environ.get("GROWTH_DATA_DIR", ROOT / "build" / "growth"))
    with grown(data_dir, [SMALL, LARGE]) as urls:
        url = urls[[SMALL, LARGE].index(messages)]
        options = ["--database-url", url, "--rounds", str(trial.count(ROUNDS)), "--json", "--only", *OPERATIONS, *EXTREMES]
        with watch({}) as window:
            command = trial.imcore.python("-m", "loadtest.growth.measure", *options)
            said = subprocess.run(command, env=trial.imcore.env(), capture_output=True, text=True, check=True)  # noqa: S603  (our own)
    (found,) = json.loads(said.stdout)
    costs = {f"{name}, {figure}": value for name, figures in found.items() for figure, value in figures.items()}
    return window.sample(costs | {_cpu(name): figures["server_cpu_ms"] + figures["client_cpu_ms"] for name, figures in found.items()})


def _cpu(operation: str) -> str:
    return f"{operation}, cpu_ms"


GROWTH = Benchmark(
    name="growth",
    title="Database operations at ten million messages",
    variants=(
        Variant("10 thousand", lambda trial: _measured(SMALL, trial), is_imcore=True),
        Variant("10 million", lambda trial: _measured(LARGE, trial), is_imcore=True),
    ),
    figures=tuple(_cpu(name) for name in (*OPERATIONS, *EXTREMES)),
    claims=(
        *(ratio("10 million", "10 thousand", _cpu(name), at_most=MOST) for name in OPERATIONS),
        Claim(
            "newest page: session of 100,000 messages ÷ session of 10",
            ("10 million",),
            lambda figures: figures["10 million"][_cpu(EXTREMES[1])] / figures["10 million"][_cpu(EXTREMES[0])],
            at_most=MOST,
        ),
    ),
)
