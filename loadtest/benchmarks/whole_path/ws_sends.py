"""Messages over WebSocket, each answered once it is committed. No worker runs. Other chat servers go in as further variants."""

from __future__ import annotations

from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import clients, measure
from loadtest.benchmarks.ejabberd_server import Ejabberd, ejabberd
from loadtest.benchmarks.servers import baseline, imcore
from loadtest.benchmarks.whole_path.http_sends import FULL_S, http_sends
from tests.servers import NoServerError

USERS = (100, 1000)


def of_baseline(users: int, trial: Trial) -> Sample:
    """Over HTTP: its WebSocket takes no messages."""
    with baseline(worker=False) as service:
        return http_sends(service, "baseline", trial, users)


def of_imcore(users: int, trial: Trial) -> Sample:
    with imcore(trial.imcore, workers=0) as service, clients("ws-sends", port=service.port, users=users) as load:
        return measure(service, load, seconds=trial.seconds(FULL_S), counted="sends", per_cpu_s="sends_per_cpu_s")


def of_ejabberd(users: int, trial: Trial) -> Sample:
    """One-to-one chat over XMPP: accepted is what both archives and the receiver have. No figures where it is not installed."""
    try:
        Ejabberd.find_binary()
    except NoServerError as error:
        print(f"    {error}", flush=True)
        return Sample({})
    with (
        ejabberd(users) as service,
        clients("ejabberd-sends", port=service.port, users=users, archive_url=service.archive_url) as load,
    ):
        return measure(service, load, seconds=trial.seconds(FULL_S), counted="sends", per_cpu_s="sends_per_cpu_s")


WS_SENDS = Benchmark(
    name="ws-sends",
    title="Users send over WebSocket, each message committed to PostgreSQL; no replies",
    variants=tuple(
        variant
        for users in USERS
        for variant in (
            Variant(f"baseline@{users}", partial(of_baseline, users)),
            Variant(f"imcore@{users}", partial(of_imcore, users), is_imcore=True),
            Variant(f"ejabberd@{users}", partial(of_ejabberd, users)),
        )
    ),
    figures=("sends_per_cpu_s", "sends_per_s", "accept_p50_ms", "accept_p99_ms", "accept_max_ms", "failures"),
    claims=(
        *(ratio(f"imcore@{users}", f"baseline@{users}", "sends_per_cpu_s", at_least=20) for users in USERS),
        *(ratio(f"imcore@{users}", f"ejabberd@{users}", "sends_per_cpu_s") for users in USERS),
        *(bound(f"imcore@{users}", "failures", at_most=0) for users in USERS),
    ),
    in_compare=True,
)
