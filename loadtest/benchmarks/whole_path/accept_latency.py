"""How long a message takes to be accepted when the service is half busy: an open loop, timed from the moment each send was due."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound
from loadtest.benchmarks.clients_process import clients, measure
from loadtest.benchmarks.servers import Service, imcore

USERS = (100, 1000)
CLOSED_LOOP = {"ws": "ws-sends", "http": "http-sends"}
MOST_S = 6.0
FULL_S = 15.0


def of_imcore(over: str, trial: Trial) -> Sample:
    """The most that a closed loop of 100 users gets, then half of that rate from 100 users and from 1,000."""
    with imcore(trial.imcore, workers=0) as service:
        most_per_s = _most_per_s(service, over, trial)
        samples = {users: _half_busy(service, over, users, most_per_s / 2, trial) for users in USERS}
    figures = {"most_sends_per_s": most_per_s}
    for users, sample in samples.items():
        figures |= {f"{name}@{users}": value for name, value in sample.figures.items()}
    figures["failures"] = sum(sample.figures["failures"] for sample in samples.values())
    noisiest = max(samples.values(), key=lambda sample: sample.others_cores)
    return replace(noisiest, figures=figures)


def _most_per_s(service: Service, over: str, trial: Trial) -> float:
    options = {"service": "imcore"} if over == "http" else {}
    with clients(CLOSED_LOOP[over], port=service.port, users=USERS[0], **options) as load:
        sample = measure(service, load, seconds=trial.seconds(MOST_S), counted="sends", per_cpu_s="sends_per_cpu_s")
    return sample.figures["sends_per_s"]


def _half_busy(service: Service, over: str, users: int, rate: float, trial: Trial) -> Sample:
    with clients("open-loop", port=service.port, users=users, rate=rate, over=over) as load:
        return measure(service, load, seconds=trial.seconds(FULL_S), counted="sends", per_cpu_s="sends_per_cpu_s")


ACCEPT_LATENCY = Benchmark(
    name="accept-latency",
    title="From the moment a send was due to its acceptance, at half of the greatest rate; no replies",
    variants=tuple(Variant(f"imcore over {over}", partial(of_imcore, over), is_imcore=True) for over in CLOSED_LOOP),
    figures=(
        "accept_p50_ms@100",
        "accept_p99_ms@100",
        "accept_max_ms@100",
        "accept_p50_ms@1000",
        "accept_p99_ms@1000",
        "accept_max_ms@1000",
        "most_sends_per_s",
        "failures",
    ),
    claims=(
        *(bound(f"imcore over {over}", "accept_p99_ms@100", at_most=50) for over in CLOSED_LOOP),
        *(bound(f"imcore over {over}", "accept_p99_ms@1000", at_most=200) for over in CLOSED_LOOP),
    ),
    in_compare=True,
)
