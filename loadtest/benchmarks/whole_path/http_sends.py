"""Messages over HTTP, each answered once it is committed. No worker runs: the replies wait."""

from __future__ import annotations

from collections.abc import Mapping

from loadtest.benchmarks.benchmark import Benchmark, Claim, Figures, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import clients, measure
from loadtest.benchmarks.servers import EchoServer, Service, backing, baseline, imcore

USERS = 100
FULL_S = 10.0
ROWS_A_SEND = 2
"""The message and the record of its reply."""


def limit(figures: Mapping[str, Figures]) -> float:
    """What could be had at best: an echo through the same server, and two rows through the same database, and no CPU for anything else."""
    return 1 / (1 / figures["asgi-echo"]["sends_per_cpu_s"] + ROWS_A_SEND / figures["unnest"]["rows_per_cpu_s"])


def http_sends(service: Service, name: str, trial: Trial, users: int = USERS) -> Sample:
    with clients("http-sends", port=service.port, users=users, service=name) as load:
        return measure(service, load, seconds=trial.seconds(FULL_S), counted="sends", per_cpu_s="sends_per_cpu_s")


def of_echo(trial: Trial) -> Sample:
    with EchoServer(trial.imcore.env()) as server:
        return http_sends(Service(server.port, {"api": server.pid}), "echo", trial)


def of_unnest(trial: Trial) -> Sample:
    with backing() as on, clients("unnest", url=on.database_url) as load:
        parts = Service(0, {"driver": load.pid, "postgres": on.postgres.pid})
        return measure(parts, load, seconds=trial.seconds(FULL_S), counted="rows", per_cpu_s="rows_per_cpu_s")


def of_baseline(trial: Trial) -> Sample:
    with baseline(worker=False) as service:
        return http_sends(service, "baseline", trial)


def of_imcore(trial: Trial) -> Sample:
    with imcore(trial.imcore, workers=0) as service:
        return http_sends(service, "imcore", trial)


HTTP_SENDS = Benchmark(
    name="http-sends",
    title=f"{USERS} users send over HTTP, each message committed to PostgreSQL; no replies",
    variants=(
        Variant("asgi-echo", of_echo),
        Variant("unnest", of_unnest),
        Variant("baseline", of_baseline),
        Variant("imcore", of_imcore, is_imcore=True),
    ),
    figures=("sends_per_cpu_s", "rows_per_cpu_s", "sends_per_s", "accept_p50_ms", "accept_p99_ms", "accept_max_ms", "failures"),
    claims=(
        ratio("imcore", "baseline", "sends_per_cpu_s", at_least=12),
        Claim(
            "sends_per_cpu_s: imcore ÷ 1/(1/asgi-echo + 2/unnest)",
            ("imcore", "asgi-echo", "unnest"),
            lambda figures: figures["imcore"]["sends_per_cpu_s"] / limit(figures),
            at_least=0.35,
        ),
        bound("imcore", "failures", at_most=0),
    ),
    in_compare=True,
)
