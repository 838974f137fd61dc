"""What others notice of a client that does not read: they chat beside one who says a lot, and listens in one variant only."""

from __future__ import annotations

from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import clients, measure
from loadtest.benchmarks.paced_model import TEXT
from loadtest.benchmarks.servers import imcore
from loadtest.benchmarks.whole_path.replies import FULL_S, MODEL, WARM_UP_S

USERS = 50
READS, READS_NOT = "the loud one reads", "the loud one does not read"


def of_imcore(deaf: bool, trial: Trial) -> Sample:
    with imcore(trial.imcore, settings={"LLM": MODEL}) as service:
        options = {"port": service.port, "users": USERS, "service": "imcore", "expected": TEXT, "loud": True, "deaf": deaf}
        with clients("conversations", **options) as load:
            seconds = trial.seconds(FULL_S)
            return measure(service, load, seconds=seconds, counted="replies", per_cpu_s="replies_per_cpu_s", warm_up_s=WARM_UP_S)


SLOW_READER = Benchmark(
    name="slow-reader",
    title=f"{USERS} users chat beside one to whom 20 replies at once are written, and who reads or does not",
    variants=(Variant(READS, partial(of_imcore, False), is_imcore=True), Variant(READS_NOT, partial(of_imcore, True), is_imcore=True)),
    figures=(
        "first_token_p50_ms",
        "first_token_p99_ms",
        "reply_p50_ms",
        "reply_p99_ms",
        "accept_p99_ms",
        "replies_per_s",
        "evictions",
        "failures",
    ),
    claims=(
        ratio(READS_NOT, READS, "first_token_p50_ms"),
        ratio(READS_NOT, READS, "first_token_p99_ms"),
        bound(READS_NOT, "failures", at_most=0),
    ),
)
