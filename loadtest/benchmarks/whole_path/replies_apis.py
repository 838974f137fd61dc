"""What it costs a reply that there are several API processes: each is to hear the deltas of its own readers' replies alone."""

from __future__ import annotations

from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import clients, measure
from loadtest.benchmarks.paced_model import TEXT
from loadtest.benchmarks.servers import imcore
from loadtest.benchmarks.whole_path.replies import FIGURES, FULL_S, MODEL, beyond_model

USERS = (100, 1000)
PROCESSES = (1, 4)
WARM_UP_S = 12.0
"""Longer than an API process takes to notice the others."""


def of_imcore(api_processes: int, users: int, trial: Trial) -> Sample:
    with (
        imcore(trial.imcore, settings={"LLM": MODEL}, api_processes=api_processes) as service,
        clients("conversations", port=service.port, users=users, service="imcore", expected=TEXT) as load,
    ):
        seconds = trial.seconds(FULL_S)
        sample = measure(service, load, seconds=seconds, counted="replies", per_cpu_s="replies_per_cpu_s", warm_up_s=WARM_UP_S)
        return beyond_model(sample)


REPLIES_APIS = Benchmark(
    name="replies-apis",
    title="Conversations, 40 tokens in 1 s, over one and over four API processes; one worker, PostgreSQL, Redis",
    variants=tuple(
        Variant(f"apis-{count}@{users}", partial(of_imcore, count, users), is_imcore=True) for users in USERS for count in PROCESSES
    ),
    figures=FIGURES,
    claims=(
        *(ratio(f"apis-4@{users}", f"apis-1@{users}", "replies_per_cpu_s") for users in USERS),
        *(bound(f"apis-4@{users}", "failures", at_most=0) for users in USERS),
    ),
)
