"""What the suite says while it runs: one line a step, with the seconds since its start."""

from __future__ import annotations

import sys
import time

_BEGUN = time.monotonic()


def say(line: str) -> None:
    """Write it to stderr at once: stdout is for the table."""
    sys.stderr.write(f"{time.monotonic() - _BEGUN:7.1f} s  {line}\n")
    sys.stderr.flush()
