"""What the parts of an installation use, and what the service says of itself, at one moment."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.imcore import ApiProcess
from tests.servers.process import family

SCRAPE_TIMEOUT_S = 2.0
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` is `time.monotonic()`; `cpu_s` user and system time so far, `memory_mib` what is not shared plus a fair part of what is.

    `machine_cpu_s` is how long the machine's cores were busy so far, or taken away, whoever it was for.
    """

    at: float
    cpu_s: Mapping[str, float]
    memory_mib: Mapping[str, float]
    queue_depth: float | None = None
    broker_queue_length: float | None = None
    machine_cpu_s: float = 0.0

    def cores_since(self, before: Sample) -> dict[str, float]:
        """By part, how many cores were busy from that sample to this one."""
        seconds = max(self.at - before.at, 1e-3)
        return {part: max(0.0, cpu_s - before.cpu_s.get(part, 0.0)) / seconds for part, cpu_s in self.cpu_s.items()}


def sample(pids: Mapping[str, int], apis: Sequence[ApiProcess]) -> Sample:
    """Look at all processes, each with what it started, and scrape the API processes."""
    families = {part: family(pid) for part, pid in pids.items()}
    cpu_s = {part: sum(map(_cpu_s, processes)) for part, processes in families.items()}
    memory_mib = {part: sum(map(_memory_mib, processes)) for part, processes in families.items()}
    scraped = [_scrape(api.url) for api in apis]
    return Sample(
        at=time.monotonic(),
        cpu_s=cpu_s,
        memory_mib=memory_mib,
        queue_depth=_highest(scraped, "im_queue_depth"),
        broker_queue_length=_highest(scraped, "im_broker_queue_length"),
        machine_cpu_s=_machine_cpu_s(),
    )


def _cpu_s(process: psutil.Process) -> float:
    """Its own, and that of its children that have ended and been waited for: a database's backend that is gone has worked too."""
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0


def _machine_cpu_s() -> float:
    times = psutil.cpu_times()._asdict()
    idle = {"idle", "iowait", "guest", "guest_nice"}  # guests are in the user time already
    return float(sum(value for name, value in times.items() if name not in idle))


def _memory_mib(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / MIB
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0.0


def _scrape(url: str) -> dict[str, float]:
    """Metrics without labels, by name; none at all if the process is too busy to answer."""
    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=SCRAPE_TIMEOUT_S) as answer:  # noqa: S310  (our own http URL)
            text = answer.read().decode()
    except OSError:
        return {}
    return {one.name: one.value for metric in text_string_to_metric_families(text) for one in metric.samples if not one.labels}


def _highest(scraped: Sequence[Mapping[str, float]], name: str) -> float | None:
    """Each process has looked at the same queue at its own time."""
    return max((metrics[name] for metrics in scraped if name in metrics), default=None)
