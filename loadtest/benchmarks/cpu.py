"""CPU time and memory of process trees, from /proc: all that the figures rest on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.benchmarks.benchmark import Figures, Sample
from loadtest.benchmarks.pace import Pace

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PPID, _UTIME, _CSTIME = 1, 11, 14  # places in /proc/PID/stat after the name, which may hold blanks
_QUIET_CORES = 0.35
_LOOK_S = 0.7


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    cpu_s: float
    """Its own and that of children it has waited for."""


@dataclass(slots=True)
class Window:
    """What happened while something was measured; complete once `watch` has ended. CPU in seconds, user and system."""

    cpu_s_by_part: dict[str, float] = field(default_factory=dict)
    client_cpu_s: float = 0.0
    others_cores: float = 0.0
    seconds: float = 0.0
    pace_per_us: float = 0.0

    @property
    def cpu_s(self) -> float:
        """That of all parts of the server."""
        return sum(self.cpu_s_by_part.values())

    def sample(self, figures: Figures) -> Sample:
        return Sample(figures, self.cpu_s_by_part, self.client_cpu_s, self.others_cores, self.seconds, self.pace_per_us)


@contextmanager
def watch(parts: Mapping[str, int | Sequence[int]], clients: Sequence[int] = ()) -> Iterator[Window]:
    """Measure the CPU of each part, given by the ids of its processes; what they start belongs to them.

    `clients` are the processes that are not to be counted. Whatever else this process has started counts as client too, so that only
    strangers are "others".
    """
    roots = {name: [pids] if isinstance(pids, int) else list(pids) for name, pids in parts.items()}
    window, begun = Window(), time.monotonic()
    before, machine_before = _by_part(roots, clients), _machine_cpu_s()
    with Pace() as pace:
        yield window
    window.pace_per_us = pace.rounds_per_us
    after, machine_after = _by_part(roots, clients), _machine_cpu_s()
    window.seconds = time.monotonic() - begun
    used = {name: after[name] - before[name] for name in before}
    ours = used.pop(_OURS)
    window.cpu_s_by_part = {name: used[name] for name in roots}
    window.client_cpu_s = used[_CLIENTS] if clients else ours - window.cpu_s
    window.others_cores = max(0.0, machine_after - machine_before - ours) / window.seconds


_OURS, _CLIENTS = "<ours>", "<clients>"


def _by_part(roots: Mapping[str, Sequence[int]], clients: Sequence[int]) -> dict[str, float]:
    table = _processes()
    return {name: _tree_cpu_s(table, pids) for name, pids in {**roots, _CLIENTS: clients, _OURS: [os.getpid()]}.items()}


def pss_bytes(pid: int) -> int:
    """Memory of a process and all it started; what several processes share counts once."""
    total = 0
    for member in _tree(_processes(), [pid]):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def wait_for_quiet(patience_s: float) -> float:
    """Wait until all others use little of the machine; returns how many cores they used last."""
    deadline = time.monotonic() + patience_s
    while True:
        with watch({}) as window:
            time.sleep(_LOOK_S)
        if window.others_cores < _QUIET_CORES or time.monotonic() > deadline:
            return window.others_cores


def _machine_cpu_s() -> float:
    """All but idle time. Interrupts are in it, for they are charged to the processes that they interrupt, too."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    return sum(int(ticks) for ticks in (user, nice, system, irq, softirq, steal)) / _TICKS_A_SECOND


def _processes() -> dict[int, _Process]:
    return {int(entry.name): process for entry in Path("/proc").iterdir() if entry.name.isdigit() and (process := _process(entry))}


def _process(folder: Path) -> _Process | None:
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return None
    return _Process(int(fields[_PPID]), sum(int(ticks) for ticks in fields[_UTIME : _CSTIME + 1]) / _TICKS_A_SECOND)


def _tree(table: Mapping[int, _Process], roots: Sequence[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def _tree_cpu_s(table: Mapping[int, _Process], roots: Sequence[int]) -> float:
    return sum(table[pid].cpu_s for pid in _tree(table, roots) if pid in table)
