"""Samples taken at once: each from servers of its own, all in the same seconds.

Who shares the host changes what the CPU time of anything is by a third from one minute to the next. Two commits that run at once have the
same neighbours, and differences of a hundredth can be seen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import replace

from loadtest.benchmarks.benchmark import Sample

_MEETING: ContextVar[threading.Barrier | None] = ContextVar("meeting", default=None)


def all_at_once(measures: Sequence[Callable[[], Sample]]) -> list[Sample]:
    """Their samples, each with the CPU time of all clients. One that fails fails all: the others have waited for it in vain."""
    if len(measures) == 1:
        return [measures[0]()]
    meeting = threading.Barrier(len(measures))

    def measured(measure: Callable[[], Sample]) -> Sample:
        _MEETING.set(meeting)
        try:
            return measure()
        except BaseException:
            meeting.abort()
            raise

    with ThreadPoolExecutor(len(measures)) as threads:
        futures = [threads.submit(copy_context().run, measured, measure) for measure in measures]
    failed = [error for future in futures if (error := future.exception()) is not None]
    for error in sorted(failed, key=lambda error: isinstance(error, threading.BrokenBarrierError)):  # what broke it comes first
        raise error
    samples = [future.result() for future in futures]
    cpu_s = [sum(sample.cpu_s.values()) for sample in samples]
    # for each of them the others' servers were clients too
    return [replace(sample, client_cpu_s=sample.client_cpu_s - sum(cpu_s) + own_s) for sample, own_s in zip(samples, cpu_s, strict=True)]


def meet() -> None:
    """Wait here until all that are measured at once have come; nothing to wait for if one is measured alone."""
    meeting = _MEETING.get()
    if meeting is not None:
        meeting.wait()
