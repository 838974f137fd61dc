"""The store embedded on SQLite: what group commit is worth where each commit waits for the disk."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import measure
from loadtest.benchmarks.parts.work_process import WARM_UP_S, work
from loadtest.benchmarks.servers import Service

CALLERS = 100
FULL_S = 10.0
GROUPED, SINGLE = "group commit", "a commit a message"


def of_store(is_grouped: bool, trial: Trial) -> Sample:
    with tempfile.TemporaryDirectory(prefix="imcore-sqlite-") as folder:
        options = {"path": str(Path(folder) / "imcore.db"), "callers": CALLERS, "is_grouped": is_grouped}
        with work(trial.imcore, "sqlite_sends:SqliteSends", **options) as load:
            service = Service(0, {"process": load.pid})
            seconds = trial.seconds(FULL_S)
            return measure(service, load, seconds=seconds, counted="sends", per_cpu_s="sends_per_cpu_s", warm_up_s=WARM_UP_S)


SQLITE_SENDS = Benchmark(
    name="sqlite-sends",
    title=f"The store on SQLite: {CALLERS} concurrent callers of `add`, each message committed to the disk",
    variants=(
        Variant(SINGLE, partial(of_store, False), is_imcore=True),
        Variant(GROUPED, partial(of_store, True), is_imcore=True),
    ),
    figures=("sends_per_s", "sends_per_cpu_s", "send_p50_ms", "send_p99_ms", "failures"),
    claims=(
        ratio(GROUPED, SINGLE, "sends_per_s", at_least=8),
        ratio(GROUPED, SINGLE, "sends_per_cpu_s", at_least=8),
        bound(GROUPED, "failures", at_most=0),
    ),
)
