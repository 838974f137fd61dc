"""Memory for what waits: a reply being written, an open socket on which nothing happens. CPU does not matter, and is not measured."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound
from loadtest.benchmarks.clients_process import clients
from loadtest.benchmarks.cpu import pss_bytes
from loadtest.benchmarks.model_server import ModelServer
from loadtest.benchmarks.paced_model import TOKENS
from loadtest.benchmarks.servers import Service, imcore

REPLIES = 2000
CHAT_OPENAI_REPLIES = 1000
"""The client of langchain-openai opens no more connections at once; further replies wait for one."""
SOCKETS = 10_000
SOCKETS_A_USER = 10
TOKENS_PER_S = 0.5
"""A reply takes 80 s: all of them are open long enough to be counted."""
PATIENCE_S = 70.0
SETTLE_S = 3.0
LOOK_S = 0.5
SLOW_MODEL = "loadtest.benchmarks.paced_model:slow_model"
_BEGUN = re.compile(r"^im_reply_first_token_seconds_count (\S+)$", re.MULTILINE)
"""Replies whose first token is here: the model is connected, and streams. None of them ends before the measurement does."""


SettingsOf = Callable[[str], AbstractContextManager[Mapping[str, object]]]


class NotReachedError(Exception):
    """Not as many replies were open at once as memory was to be measured of."""


@contextmanager
def in_process(_: str) -> Iterator[Mapping[str, object]]:
    """The model inside the worker."""
    yield {"LLM": SLOW_MODEL}


@contextmanager
def behind_http(client: str) -> Iterator[Mapping[str, object]]:
    with ModelServer(first_token_s=1 / TOKENS_PER_S, tokens=TOKENS, tokens_per_s=TOKENS_PER_S) as model:
        yield {"LLM_MODEL": "slow", "LLM_BASE_URL": model.url, "LLM_API_KEY": "none", "LLM_CLIENT": client}


def of_replies(settings_of: SettingsOf, client: str, most: int, trial: Trial) -> Sample:
    """All the memory that a worker has more with so many replies open than when it had just started, divided by their number."""
    replies = trial.count(most)
    patience = {"LLM_TIMEOUT_S": 300, "LLM_FIRST_TOKEN_TIMEOUT_S": 120}
    with settings_of(client) as chosen, imcore(trial.imcore, settings={**chosen, **patience}, concurrency=replies) as service:
        before = pss_bytes(service.pids["worker0"])
        with clients("conversations", port=service.port, users=replies, service="imcore") as load:
            load.start()
            _until_begun(service, replies)
            time.sleep(SETTLE_S)
            during = pss_bytes(service.pids["worker0"])
    return Sample({"kib_a_reply": (during - before) / replies / 1024, "worker_before_mib": before / 2**20})


def of_sockets(trial: Trial) -> Sample:
    """All the memory that an API process has more with so many open sockets, divided by their number."""
    count = trial.count(SOCKETS)
    with imcore(trial.imcore, workers=0) as service:
        before = pss_bytes(service.pids["api"])
        with clients("idle", port=service.port, sockets=count, per_user=SOCKETS_A_USER):
            time.sleep(SETTLE_S)
            during = pss_bytes(service.pids["api"])
    return Sample({"kib_a_socket": (during - before) / count / 1024, "api_before_mib": before / 2**20})


def _until_begun(service: Service, replies: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (begun := _begun(service)) < replies and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    if begun < replies:
        raise NotReachedError(f"{begun:.0f} replies at once within {PATIENCE_S:.0f} s, {replies} were wanted")


def _begun(service: Service) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{service.metrics_port}/metrics", timeout=30) as answer:
        found = _BEGUN.search(answer.read().decode())
    return float(found[1]) if found else 0.0


MEMORY = Benchmark(
    name="memory",
    title=f"{REPLIES:,} replies open in one worker, {SOCKETS:,} idle sockets on one API process; what each costs (PSS)",
    variants=(
        Variant("model in process", partial(of_replies, in_process, "", REPLIES), is_imcore=True),
        Variant("chat-openai", partial(of_replies, behind_http, "chat-openai", CHAT_OPENAI_REPLIES), is_imcore=True),
        Variant("lean", partial(of_replies, behind_http, "lean", REPLIES), is_imcore=True),
        Variant("idle sockets", of_sockets, is_imcore=True),
    ),
    figures=("kib_a_reply", "kib_a_socket", "worker_before_mib", "api_before_mib"),
    claims=(
        *(bound(variant, "kib_a_reply", at_most=256) for variant in ("model in process", "chat-openai", "lean")),
        bound("idle sockets", "kib_a_socket", at_most=32),
    ),
)
