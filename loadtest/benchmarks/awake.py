"""Cores that never go idle, as those of a busy machine do not.

A core that halts between two bursts of work is slow when it comes back, most of all in a guest whose host lends it to others meanwhile: the
same reply was charged 3.1 ms of CPU with awake cores and 3.4 to 4.6 without. A reference that fills its core never pays that.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import spawn


@contextmanager
def cores_kept_awake() -> Iterator[None]:
    """A process for each core that spins when nobody else wants it (`SCHED_IDLE`). Their CPU time shows as that of clients."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "awake.log"
        command = [sys.executable, "-m", "loadtest.benchmarks.awake"]
        spinning = [spawn([*command, str(core)], log=log, death_signal=signal.SIGKILL) for core in sorted(os.sched_getaffinity(0))]
        try:
            yield
        finally:
            for process in spinning:
                process.kill()
                process.wait()


def spin(core: int) -> None:
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


if __name__ == "__main__":
    spin(int(sys.argv[1]))
