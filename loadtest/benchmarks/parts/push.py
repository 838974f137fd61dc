"""Push over Redis: what a token costs the process that writes it and the one that hears it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import Clients, measure
from loadtest.benchmarks.parts.work_process import WARM_UP_S, work
from loadtest.benchmarks.servers import Service
from tests.servers import ValkeyServer

REPLIES = 100
FULL_S = 10.0
SIDES = ("writer", "listener", "redis")
PUBLISH, NOTIFIER, WINDOW = "a PUBLISH a token", "notifier", "window and notifier"


def of_push(writers: str, listener: str, trial: Trial) -> Sample:
    with (
        ValkeyServer() as redis,
        work(trial.imcore, listener, redis_url=redis.url) as hearing,
        work(trial.imcore, writers, redis_url=redis.url, replies=REPLIES) as writing,
    ):
        service = Service(0, dict(zip(SIDES, (writing.pid, hearing.pid, redis.pid), strict=True)))
        sample = _measured(service, writing, hearing, trial.seconds(FULL_S))
    tokens = sample.figures["tokens_per_cpu_s"] * sum(sample.cpu_s.values())
    return replace(sample, figures={**sample.figures, **{f"{side}_cpu_us": sample.cpu_s[side] / tokens * 1e6 for side in SIDES}})


def _measured(service: Service, writing: Clients, hearing: Clients, seconds: float) -> Sample:
    writing.start()
    sample = measure(service, hearing, seconds=seconds, counted="tokens", per_cpu_s="tokens_per_cpu_s", warm_up_s=WARM_UP_S)
    lost = writing.end().figures["failures"]
    return replace(sample, figures={**sample.figures, "failures": sample.figures["failures"] + lost})


PUSH = Benchmark(
    name="push",
    title=f"{REPLIES} replies of 40 tokens a second each, from one process to another over Redis",
    variants=(
        Variant(PUBLISH, partial(of_push, "push:PublishingWriters", "push:PubsubListener")),
        Variant(NOTIFIER, partial(of_push, "push:NotifierWriters", "push:NotifierListener"), is_imcore=True),
        Variant(WINDOW, partial(of_push, "push:GatheringWriters", "push:NotifierListener"), is_imcore=True),
    ),
    figures=("tokens_per_cpu_s", "tokens_per_s", *(f"{side}_cpu_us" for side in SIDES), "failures"),
    claims=(
        *(ratio(variant, PUBLISH, "tokens_per_cpu_s") for variant in (NOTIFIER, WINDOW)),
        *(ratio(PUBLISH, variant, f"{side}_cpu_us") for variant in (NOTIFIER, WINDOW) for side in SIDES[:2]),
        *(bound(variant, "failures", at_most=0) for variant in (NOTIFIER, WINDOW)),
    ),
)
