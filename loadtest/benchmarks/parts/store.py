"""The store on PostgreSQL: what each step of a reply costs, alone and many at a time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Claim, Figures, Sample, Trial, Variant, ratio
from loadtest.benchmarks.checkout import Checkout
from loadtest.benchmarks.cpu import watch
from loadtest.benchmarks.servers import backing
from loadtest.benchmarks.whole_path.http_sends import of_unnest

AT_ONCE = (1, 10, 50)
FULL_S = 10.0
STEPS = ("send", "claim", "renew", "finish")
ROWS_A_SEND = 2
UNNEST = "unnest"


class MigrateError(Exception):
    """The schema could not be made; the text says why."""


def of_store(at_once: int, trial: Trial) -> Sample:
    """`cpu_s` holds the preparation too: the figures of the steps are taken inside the process, around each of them."""
    with backing() as on:
        _migrate(trial.imcore, on.database_url)
        options = ["--database-url", on.database_url, "--server-pid", str(on.postgres.pid), "--at-once", str(at_once)]
        module = ["-m", "loadtest.benchmarks.parts.work.store_steps"]
        command = trial.imcore.python(*module, *options, "--seconds", str(trial.seconds(FULL_S)))
        with watch({"postgres": on.postgres.pid}) as window:
            said = subprocess.run(command, env=trial.imcore.env(), capture_output=True, text=True, check=True)  # noqa: S603  (our own)
    return window.sample(_figures(json.loads(said.stdout)))


def _migrate(code: Checkout, url: str) -> None:
    done = subprocess.run(  # noqa: S603  (our own)
        [*code.command(), "migrate"], env=code.env({"IM_DATABASE_URL": url}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise MigrateError(done.stderr)


def _figures(by_step: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    figures = {f"{step}_{name}": value for step, costs in by_step.items() for name, value in costs.items()}
    return figures | {_cpu(step): figures[f"{step}_server_cpu_ms"] + figures[f"{step}_client_cpu_ms"] for step in by_step}


def _cpu(step: str) -> str:
    return f"{step}_cpu_ms"


def _variant(at_once: int) -> str:
    return f"{at_once} at once"


def _rows(at_once: int) -> Claim:
    """The CPU of a send in rows of the reference: it stores two."""

    def in_rows(figures: Mapping[str, Figures]) -> float:
        return figures[_variant(at_once)][_cpu("send")] / 1000 * figures[UNNEST]["rows_per_cpu_s"] / ROWS_A_SEND

    return Claim(f"CPU of a send, {_variant(at_once)} ÷ {ROWS_A_SEND} rows of unnest", (_variant(at_once), UNNEST), in_rows)


STORE = Benchmark(
    name="store",
    title="Steps of the store on PostgreSQL, so many at a time; server and client",
    variants=(Variant(UNNEST, of_unnest), *(Variant(_variant(number), partial(of_store, number), is_imcore=True) for number in AT_ONCE)),
    figures=(
        "rows_per_cpu_s",
        *(f"{step}_{side}" for step in STEPS for side in ("cpu_ms", "client_cpu_ms", "server_cpu_ms")),
    ),
    claims=(
        *(_rows(number) for number in AT_ONCE),
        *(ratio(_variant(AT_ONCE[0]), _variant(AT_ONCE[-1]), _cpu(step)) for step in STEPS),
    ),
)
