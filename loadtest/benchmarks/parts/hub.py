"""The hub: an event on its way to the connections of its user, against the JSON that it becomes."""

from __future__ import annotations

from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import measure
from loadtest.benchmarks.parts.work_process import WARM_UP_S, work
from loadtest.benchmarks.servers import Service

USERS = 100
CONNECTIONS = (1, 5)
FULL_S = 6.0
DUMPS = "orjson.dumps"


def of_work(kind: str, options: dict[str, object], trial: Trial) -> Sample:
    with work(trial.imcore, kind, users=USERS, **options) as load:
        service = Service(0, {"process": load.pid})
        seconds = trial.seconds(FULL_S)
        return measure(service, load, seconds=seconds, counted="events", per_cpu_s="events_per_cpu_s", warm_up_s=WARM_UP_S)


def _variant(connections: int) -> str:
    return f"hub, {connections} connection{'s' if connections > 1 else ''} a user"


HUB = Benchmark(
    name="hub",
    title=f"Deltas of {USERS} users' replies into their outboxes and out of them",
    variants=(
        Variant(DUMPS, partial(of_work, "deliveries:PlainDumps", {})),
        *(
            Variant(_variant(number), partial(of_work, "deliveries:HubDeliveries", {"connections": number}), is_imcore=True)
            for number in CONNECTIONS
        ),
    ),
    figures=("events_per_cpu_s", "failures"),
    claims=(
        *(ratio(DUMPS, _variant(number), "events_per_cpu_s") for number in CONNECTIONS),
        *(bound(_variant(number), "failures", at_most=0) for number in CONNECTIONS),
    ),
)
