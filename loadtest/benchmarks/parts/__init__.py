"""Benchmarks of single parts: the store, the queue, the push, the hub, the model adapter."""

from __future__ import annotations

from loadtest.benchmarks.benchmark import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = ()
