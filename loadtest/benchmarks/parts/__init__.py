"""Benchmarks of single parts: the store, the queue, the push, the hub, the model's clients."""

from __future__ import annotations

from loadtest.benchmarks.benchmark import Benchmark
from loadtest.benchmarks.parts.growth import GROWTH
from loadtest.benchmarks.parts.hub import HUB
from loadtest.benchmarks.parts.model import MODEL
from loadtest.benchmarks.parts.push import PUSH
from loadtest.benchmarks.parts.queue import QUEUE
from loadtest.benchmarks.parts.sqlite_sends import SQLITE_SENDS
from loadtest.benchmarks.parts.store import STORE

BENCHMARKS: tuple[Benchmark, ...] = (SQLITE_SENDS, STORE, QUEUE, PUSH, HUB, MODEL, GROWTH)
