"""Cores are kept awake by processes that end with what needed them."""

from __future__ import annotations

import os

import psutil

from loadtest.benchmarks.awake import cores_kept_awake


def spinning() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "loadtest.benchmarks.awake" in child.cmdline()]


def test_there_is_one_process_a_core_and_none_afterwards() -> None:
    with cores_kept_awake():
        assert len(spinning()) == len(os.sched_getaffinity(0))
    assert not spinning()
