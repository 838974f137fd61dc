"""What a person reads while a run goes on."""

from __future__ import annotations

import sys

from loadtest.result import Moment, Percentiles
from loadtest.running.summary import servers

EVERY_S = 5


def head() -> None:
    """The names of the columns."""
    print("  time  users  sends/s replies/s  accept p99  token p99  waiting  cores  errors/s")


class Progress:
    """Call it every second; it prints every few: on a terminal each second, over the line before."""

    def __init__(self) -> None:
        self._seconds = 0

    def __call__(self, moment: Moment) -> None:
        self._seconds += 1
        stays = self._seconds % EVERY_S == 0
        if stays or sys.stdout.isatty():
            print(line(moment), end="\n" if stays else "\r", flush=True)


def line(moment: Moment) -> str:
    """One second in a row."""
    waiting = moment["queue_depth"]
    return (
        f"{moment['t_s']:5.0f}s {moment['users']:6} {moment['sends_per_s']:8.0f} {moment['replies_per_s']:9.0f} "
        f"{ms(moment['accept_ms']):>11} {ms(moment['first_token_ms']):>10} {'-' if waiting is None else f'{waiting:.0f}':>8} "
        f"{sum(servers(moment['cpu_cores']).values()):6.2f}  {moment['errors_per_s']:.0f}"
    )


def ms(times: Percentiles) -> str:
    """The 99th percentile, with its unit."""
    p99 = times.get("p99")
    return "-" if p99 is None else f"{p99:.0f} ms"
