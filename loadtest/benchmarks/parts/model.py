"""The model's clients: what reading a reply over HTTP costs a worker."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import measure
from loadtest.benchmarks.model_server import ModelServer
from loadtest.benchmarks.parts.work_process import work
from loadtest.benchmarks.servers import Service

CALLERS = 100
TOKENS = 100
TOKENS_PER_S = 100
FULL_S = 15.0
WARM_UP_S = 4.0
CHAT_OPENAI, LEAN = "chat-openai", "lean"


def of_client(client: str, trial: Trial) -> Sample:
    with ModelServer(first_token_s=1 / TOKENS_PER_S, tokens=TOKENS, tokens_per_s=TOKENS_PER_S) as model:
        options = {"base_url": model.url, "client": client, "callers": CALLERS, "tokens": TOKENS}
        with work(trial.imcore, "model_replies:ModelReplies", **options) as load:
            service = Service(0, {"process": load.pid})
            seconds = trial.seconds(FULL_S)
            sample = measure(service, load, seconds=seconds, counted="replies", per_cpu_s="replies_per_cpu_s", warm_up_s=WARM_UP_S)
    pieces = sample.figures["pieces"] / (sample.figures["replies_per_cpu_s"] * sum(sample.cpu_s.values()))
    more = {"cpu_ms_a_reply": 1000 / sample.figures["replies_per_cpu_s"], "pieces_a_reply": pieces}
    return replace(sample, figures={**sample.figures, **more})


MODEL = Benchmark(
    name="model",
    title=f"{CALLERS} replies at once of {TOKENS} chunks, 10 ms apart, prompts of 20 messages; the server in a process of its own",
    variants=(
        Variant(CHAT_OPENAI, partial(of_client, CHAT_OPENAI), is_imcore=True),
        Variant(LEAN, partial(of_client, LEAN), is_imcore=True),
    ),
    figures=("cpu_ms_a_reply", "replies_per_s", "pieces_a_reply", "first_token_p50_ms", "first_token_p99_ms", "failures"),
    claims=(
        ratio(CHAT_OPENAI, LEAN, "cpu_ms_a_reply", at_least=4),
        *(bound(client, "failures", at_most=0) for client in (CHAT_OPENAI, LEAN)),
    ),
)
