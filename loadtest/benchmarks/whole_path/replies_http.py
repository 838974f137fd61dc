"""Whole conversations with a model behind HTTP, through each of the clients that imcore has for one.

With 100 users the dearer client keeps the worker's one core busy all the time: tokens gather, and are then published many at once, which is
cheaper. With 30 users neither is short of CPU.
"""

from __future__ import annotations

from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.model_server import ModelServer
from loadtest.benchmarks.paced_model import FIRST_TOKEN_S, TOKENS
from loadtest.benchmarks.servers import imcore
from loadtest.benchmarks.whole_path.replies import FIGURES, conversations

USERS = (30, 100)
CLIENTS = ("chat-openai", "lean")


def of_imcore(client: str, users: int, trial: Trial) -> Sample:
    with ModelServer(first_token_s=FIRST_TOKEN_S, tokens=TOKENS, tokens_per_s=TOKENS) as model:
        settings = {"LLM_MODEL": "paced", "LLM_BASE_URL": model.url, "LLM_API_KEY": "none", "LLM_CLIENT": client}
        with imcore(trial.imcore, settings=settings) as service:
            return conversations(service, "imcore", users, trial, None)


REPLIES_HTTP = Benchmark(
    name="replies-http",
    title="Conversations, 40 tokens in 1 s, model behind HTTP; one API process, one worker, PostgreSQL, Redis",
    variants=tuple(
        Variant(f"{client}@{users}", partial(of_imcore, client, users), is_imcore=True) for users in USERS for client in CLIENTS
    ),
    figures=FIGURES,
    claims=(
        *(ratio(f"lean@{users}", f"chat-openai@{users}", "replies_per_cpu_s", at_least=4) for users in USERS),
        *(bound(f"{client}@{users}", "failures", at_most=0) for users in USERS for client in CLIENTS),
    ),
    in_compare=True,
)
