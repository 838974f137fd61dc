"""Hints to the workers: what one costs the process that takes messages, and how long it holds up the event loop."""

from __future__ import annotations

from functools import partial

from loadtest.benchmarks.benchmark import Benchmark, Sample, Trial, Variant, bound, ratio
from loadtest.benchmarks.clients_process import measure
from loadtest.benchmarks.parts.work_process import WARM_UP_S, work
from loadtest.benchmarks.servers import Service
from tests.servers import ValkeyServer

CALLERS = 100
FULL_S = 8.0
DELAY, ENQUEUE = "task.delay", "enqueue"


def of_queue(kind: str, trial: Trial) -> Sample:
    with ValkeyServer() as redis, work(trial.imcore, kind, redis_url=redis.url, callers=CALLERS) as load:
        service = Service(0, {"process": load.pid, "redis": redis.pid})
        seconds = trial.seconds(FULL_S)
        return measure(service, load, seconds=seconds, counted="hints", per_cpu_s="hints_per_cpu_s", warm_up_s=WARM_UP_S)


QUEUE = Benchmark(
    name="queue",
    title=f"{CALLERS} sessions hinted at again and again, against a Celery task each",
    variants=(
        Variant(DELAY, partial(of_queue, "hints:DelayedTasks")),
        Variant(ENQUEUE, partial(of_queue, "hints:EnqueuedHints"), is_imcore=True),
    ),
    figures=("hints_per_cpu_s", "hints_per_s", "enqueue_p50_ms", "enqueue_p99_ms", "failures"),
    claims=(
        ratio(ENQUEUE, DELAY, "hints_per_cpu_s", at_least=10),
        ratio(ENQUEUE, DELAY, "enqueue_p50_ms"),
        bound(ENQUEUE, "failures", at_most=0),
    ),
)
