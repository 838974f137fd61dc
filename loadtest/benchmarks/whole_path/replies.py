"""Whole conversations: sent, stored, written by a model of 40 tokens in one second, streamed, stored. The model runs in the worker.

What the model itself costs is no work of a server: it is measured by itself beside them, and the ratios are told with it and without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Claim, Figures, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.checkout import this_tree
from loadtest.benchmarks.clients_process import Clients, clients, measure
from loadtest.benchmarks.langgraph_server import LanggraphServer, langgraph
from loadtest.benchmarks.paced_model import FIRST_TOKEN_S, TEXT
from loadtest.benchmarks.parts.work_process import work
from loadtest.benchmarks.servers import Service, baseline, imcore
from tests.servers import NoServerError

USERS = (100, 1000)
FULL_S = 15.0
LANGGRAPH_FULL_S = 30.0
"""Its users come into step, 100 replies at a time: a short window would count one batch too many or too few."""
WARM_UP_S = 6.0
MODEL = "loadtest.benchmarks.paced_model:model"
FIGURES = (
    "replies_per_cpu_s",
    "replies_per_s",
    "first_token_beyond_model_p50_ms",
    "first_token_beyond_model_p99_ms",
    "reply_p50_ms",
    "reply_p99_ms",
    "accept_p50_ms",
    "accept_p99_ms",
    "failures",
)


def conversations(service: Service, name: str, users: int, trial: Trial, expected: str | None) -> Sample:
    with clients("conversations", port=service.port, users=users, service=name, expected=expected) as load:
        return _measured(service, load, trial.seconds(FULL_S))


def of_baseline(users: int, trial: Trial) -> Sample:
    with baseline(worker=True) as service:
        return conversations(service, "baseline", users, trial, TEXT)


def of_imcore(users: int, trial: Trial) -> Sample:
    with imcore(trial.imcore, settings={"LLM": MODEL}) as service:
        return conversations(service, "imcore", users, trial, TEXT)


def of_langgraph(users: int, trial: Trial) -> Sample:
    """Its messages are in memory alone. No figures where it is not installed."""
    try:
        LanggraphServer.find_binary()
    except NoServerError as error:
        print(f"    {error}", flush=True)
        return Sample({})
    with langgraph() as service, clients("langgraph-conversations", port=service.port, users=users, expected=TEXT) as load:
        return _measured(service, load, trial.seconds(LANGGRAPH_FULL_S))


def of_model(users: int, trial: Trial) -> Sample:
    with work(this_tree(), "paced_replies:PacedReplies", callers=users) as load:
        return measure(
            Service(0, {"model": load.pid}), load, seconds=trial.seconds(FULL_S), counted="replies", per_cpu_s="replies_per_cpu_s"
        )


def without_model(reference: str, users: int, *, at_least: float) -> Claim:
    """imcore ÷ the reference as `ratio` has it, the model's own CPU time taken off a reply of either."""
    ours, theirs, model = (f"{name}@{users}" for name in ("imcore", reference, "model"))

    def divided(figures: Mapping[str, Figures]) -> float:
        cpu_s = {variant: 1 / figures[variant]["replies_per_cpu_s"] for variant in (ours, theirs, model)}
        return (cpu_s[theirs] - cpu_s[model]) / (cpu_s[ours] - cpu_s[model])

    return Claim(f"replies_per_cpu_s without the model's own: {ours} ÷ {theirs}", (ours, theirs, model), divided, at_least)


def _measured(service: Service, load: Clients, seconds: float) -> Sample:
    sample = measure(service, load, seconds=seconds, counted="replies", per_cpu_s="replies_per_cpu_s", warm_up_s=WARM_UP_S)
    return beyond_model(sample)


def beyond_model(sample: Sample) -> Sample:
    """With what is left of the time to the first token without the model's own."""
    beyond = {
        f"first_token_beyond_model_{part}_ms": sample.figures[f"first_token_{part}_ms"] - FIRST_TOKEN_S * 1000
        for part in ("p50", "p99")
        if f"first_token_{part}_ms" in sample.figures
    }
    return replace(sample, figures={**sample.figures, **beyond})


REPLIES = Benchmark(
    name="replies",
    title="Conversations, 40 tokens in 1 s, model in the worker's process; one API process, one worker, PostgreSQL, Redis",
    variants=tuple(
        variant
        for users in USERS
        for variant in (
            Variant(f"baseline@{users}", partial(of_baseline, users)),
            Variant(f"imcore@{users}", partial(of_imcore, users), is_imcore=True),
            Variant(f"langgraph@{users}", partial(of_langgraph, users)),
            Variant(f"model@{users}", partial(of_model, users)),
        )
    ),
    figures=FIGURES,
    claims=(
        *(ratio(f"imcore@{users}", f"baseline@{users}", "replies_per_cpu_s", at_least=8) for users in USERS),
        *(ratio(f"imcore@{users}", f"langgraph@{users}", "replies_per_cpu_s", at_least=5) for users in USERS),
        *(without_model("baseline", users, at_least=8) for users in USERS),
        *(without_model("langgraph", users, at_least=5) for users in USERS),
        Claim(
            "CPU of a reply: imcore@1000 ÷ imcore@100",
            ("imcore@100", "imcore@1000"),
            lambda figures: figures["imcore@100"]["replies_per_cpu_s"] / figures["imcore@1000"]["replies_per_cpu_s"],
        ),
        bound("imcore@100", "first_token_beyond_model_p50_ms", at_most=15),
        bound("imcore@100", "first_token_beyond_model_p99_ms", at_most=60),
        *(bound(f"{name}@{users}", "failures", at_most=0) for users in USERS for name in ("imcore", "model")),
    ),
    in_compare=True,
)
