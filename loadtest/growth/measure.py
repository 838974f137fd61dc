"""What the five operations cost on databases of different sizes, in alternation: server CPU, client CPU and wall time of each.

    python -m loadtest.growth.measure --data-dir … --messages 10000 10000000      databases of a server of its own, made if need be
    python -m loadtest.growth.measure --database-url postgresql://…/small --database-url postgresql://…/large

The first database is the reference of the ratios. The server's CPU is seen only if it runs on this machine, and nobody else may use it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from adapters.sql.engine import driver_url
from adapters.sql.migrations_runner import migrate
from loadtest.growth.crowd import BATCH, Crowd
from loadtest.growth.databases import grown
from loadtest.growth.operations import EXTREMES, OPERATIONS

POOL_SESSIONS = 2 * BATCH


@dataclass(slots=True)
class Cost:
    """A meter: of all that was watched, by operation. Wall time is that of a batch."""

    server: psutil.Process | None
    units: int = 0
    server_cpu_s: float = 0.0
    client_cpu_s: float = 0.0
    walls_s: list[float] = field(default_factory=list)

    @contextmanager
    def watch(self, units: int) -> Iterator[None]:
        server_s, client_s, begun = _tree_cpu_s(self.server), time.process_time(), time.perf_counter()
        yield
        self.walls_s.append(time.perf_counter() - begun)
        self.client_cpu_s += time.process_time() - client_s
        self.server_cpu_s += _tree_cpu_s(self.server) - server_s
        self.units += units

    def figures(self) -> dict[str, float]:
        """Milliseconds of CPU for one operation, and for a batch of them the median of its wall time."""
        return {
            "server_cpu_ms": self.server_cpu_s / self.units * 1000,
            "client_cpu_ms": self.client_cpu_s / self.units * 1000,
            "cpu_ms": (self.server_cpu_s + self.client_cpu_s) / self.units * 1000,
            "batch_p50_ms": statistics.median(self.walls_s) * 1000,
        }


def _tree_cpu_s(server: psutil.Process | None) -> float:
    """From the scheduler, which counts nanoseconds: a batch is shorter than a tick."""
    if server is None:
        return 0.0
    used_ns = 0
    for process in [server, *server.children()]:
        try:
            used_ns += int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):  # a worker that has ended
            continue
    return used_ns / 1e9


async def measure(
    database_urls: Sequence[str], *, rounds: int, pool_sessions: int, names: Sequence[str]
) -> list[dict[str, dict[str, float]]]:
    """Figures by operation, for each database. One round before the first is not counted: it fills caches and prepares statements."""
    operations = {name: operation for name, operation in {**OPERATIONS, **EXTREMES}.items() if not names or name in names}
    costs = [{name: Cost(_server_of(url)) for name in operations} for url in database_urls]
    async with AsyncExitStack() as stack:
        crowds = [await stack.enter_async_context(Crowd.on(url, pool_sessions=pool_sessions)) for url in database_urls]
        in_turn = list(zip(crowds, costs, strict=True))
        for number in range(rounds + 1):
            for name, operation in operations.items():
                for crowd, of_database in in_turn[:: -1 if number % 2 else 1]:  # who comes second finds the code in the caches
                    await operation(crowd, of_database[name] if number else Cost(None))
                    await crowd.undo()
    return [{name: cost.figures() for name, cost in of_database.items()} for of_database in costs]


def _server_of(database_url: str) -> psutil.Process | None:
    """The main process behind a PostgreSQL's URL, if it is one of this machine."""
    url = driver_url(database_url)
    if url.get_backend_name() != "postgresql" or url.host not in {"127.0.0.1", "localhost"}:
        return None
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        return psutil.Process(connection.info.backend_pid).parent()


def table(urls: Sequence[str], figures: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    """One line an operation: the figures of each database, and each ratio to the first."""
    sizes = [url.rpartition("/")[2] for url in urls]
    lines = [f"{'':22}" + "".join(f"{name:>30}" for name in ("server CPU, ms", "client CPU, ms", "CPU of both, ms", f"p50 of {BATCH}, ms"))]
    lines.append(f"{'':22}" + f"{' '.join(f'{size[-10:]:>10}' for size in sizes)}{'ratio':>8} " * 4)
    for name, reference in figures[0].items():
        cells = []
        for figure, value in reference.items():
            others = [of_database[name][figure] for of_database in figures[1:]]
            cells.append(
                " ".join(f"{one:10.3f}" for one in (value, *others)) + (f"{others[-1] / value:8.2f} " if others and value else " ")
            )
        lines.append(f"{name:22}{''.join(cells)}")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = options.add_mutually_exclusive_group(required=True)
    where.add_argument("--database-url", action="append", dest="urls", help="once for each size")
    where.add_argument("--data-dir", type=Path)
    options.add_argument("--messages", type=int, nargs="+", default=[10_000, 10_000_000], help="sizes in --data-dir")
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--sessions", type=int, default=POOL_SESSIONS, help="how many sessions are active")
    options.add_argument("--only", nargs="+", default=[], metavar="OPERATION")
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    with grown(asked.data_dir, asked.messages) if asked.data_dir else nullcontext(asked.urls) as urls:
        for url in urls:
            migrate(url)  # it may have been filled by older code
        figures = asyncio.run(measure(urls, rounds=asked.rounds, pool_sessions=asked.sessions, names=asked.only))
    print(json.dumps(figures) if asked.json else table(urls, figures))


if __name__ == "__main__":
    main()
