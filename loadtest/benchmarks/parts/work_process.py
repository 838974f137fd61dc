"""Driving a process in which one part is at work."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.benchmarks.checkout import Checkout
from loadtest.benchmarks.clients_process import Clients

WARM_UP_S = 1.5


@contextmanager
def work(code: Checkout, kind: str, **options: object) -> Iterator[Clients]:
    """`kind` is MODULE:CLASS of the package `work`. It obeys as clients do, and runs with this code; it is gone at the end."""
    command = code.python("-m", "loadtest.benchmarks.parts.work", kind, json.dumps(options))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=code.env()) as process:  # noqa: S603  (our own)
        try:
            yield Clients(process)
        finally:
            process.kill()
