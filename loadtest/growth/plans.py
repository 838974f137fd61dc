"""The plan of every statement that the five operations run, taken from the adapter while it runs them. Exit 1 if one reads too much.

python -m loadtest.growth.plans --database-url postgresql://…
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event

from loadtest.growth.crowd import BATCH, Crowd
from loadtest.growth.operations import EXTREMES, OPERATIONS

BACKLOG = 2_000
"""How many other sessions wait for a reply meanwhile: what reads all open records to find one session's is to be seen."""

MAX_ROWS_READ = 1_000
"""What a statement may fetch of one table for a batch of operations. What only counts, by an index alone, may read more."""

_TABLES = {"messages", "ai_chat_records", "sessions"}


@dataclass(frozen=True, slots=True)
class Scan:
    """A step of a plan that reads a table, and how many of its rows it looked at."""

    how: str
    table: str
    rows: int
    only_index: bool

    @property
    def is_whole_table(self) -> bool:
        return self.how == "Seq Scan"

    @property
    def is_too_much(self) -> bool:
        return self.rows > MAX_ROWS_READ and not self.only_index


@dataclass(slots=True)
class Plan:
    """What PostgreSQL did with one statement; `generic` is how it would run without knowing the parameters."""

    statement: str
    steps: list[str]
    scans: list[Scan]
    generic: list[str]
    buffers: int
    ms: float

    @property
    def is_wasteful(self) -> bool:
        return any(scan.is_too_much for scan in self.scans)

    def verdict(self) -> str:
        read = ", ".join(f"{scan.rows} of {scan.table} by {scan.how}" for scan in self.scans) or "no table"
        mark = "READS TOO MUCH" if self.is_wasteful else "ok"
        generic = f"; the generic plan would scan {', '.join(self.generic)}" if self.generic else ""
        return f"{mark}: rows read: {read}; {self.buffers} buffers, {self.ms:.2f} ms{generic}"


@dataclass(slots=True)
class Explainer:
    """The meter that explains. Each statement once an operation; what EXPLAIN ANALYZE writes is rolled back before it runs itself."""

    plans: dict[str, Plan] = field(default_factory=dict)
    _watches: bool = False

    def taken(self) -> list[Plan]:
        """The plans since the last time."""
        plans, self.plans = self.plans, {}
        return list(plans.values())

    @contextmanager
    def watch(self, units: int) -> Iterator[None]:  # noqa: ARG002  (the meter's signature)
        self._watches = True
        try:
            yield
        finally:
            self._watches = False

    def explain(self, _connection: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool) -> None:
        if not self._watches or statement in self.plans or not statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
            return
        values = parameters[0] if executemany else parameters
        writes = not statement.startswith("SELECT") or "FOR UPDATE" in statement
        if writes:
            cursor.execute("SAVEPOINT explained")
        found = _explained(cursor, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values)
        if writes:
            cursor.execute("ROLLBACK TO SAVEPOINT explained")
        generic = _explained(cursor, f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}", values)["Plan"]
        scans = [scan for step in _walk(found["Plan"]) if (scan := _scan(step))]
        self.plans[statement] = Plan(
            statement,
            list(_lines(found["Plan"])),
            scans,
            sorted({scan.table for step in _walk(generic) if (scan := _scan(step)) and scan.is_whole_table}),
            _buffers(found["Plan"]),
            found["Execution Time"],
        )


def _explained(cursor: Any, statement: str, parameters: Any) -> dict[str, Any]:
    cursor.execute(statement, parameters)
    answer: dict[str, Any] = cursor.fetchone()[0][0]
    return answer


def _walk(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for below in step.get("Plans", []):
        yield from _walk(below)


def _scan(step: dict[str, Any]) -> Scan | None:
    if step.get("Relation Name") not in _TABLES or not step["Node Type"].endswith("Scan"):
        return None
    returned = step.get("Actual Rows", 0) + step.get("Rows Removed by Filter", 0) + step.get("Rows Removed by Index Recheck", 0)
    return Scan(_how(step), step["Relation Name"], round(returned * step.get("Actual Loops", 1)), step["Node Type"] == "Index Only Scan")


def _how(step: dict[str, Any]) -> str:
    index = step.get("Index Name") or next((below["Index Name"] for below in _walk(step) if "Index Name" in below), None)
    return index or str(step["Node Type"])


def _buffers(step: dict[str, Any]) -> int:
    return int(step.get("Shared Hit Blocks", 0) + step.get("Shared Read Blocks", 0))


def _lines(step: dict[str, Any], depth: int = 0) -> Iterator[str]:
    what = " ".join(str(step[name]) for name in ("Node Type", "Relation Name", "Alias", "Index Name") if name in step)
    rows = f"{step['Actual Rows']:g} rows in each of {step['Actual Loops']} loops, {step['Plan Rows']} expected, {_buffers(step)} buffers"
    yield f"{'  ' * depth}{what}: {rows}"
    for below in step.get("Plans", []):
        yield from _lines(below, depth + 1)


async def explained(database_url: str) -> dict[str, list[Plan]]:
    """The plans by operation."""
    found: dict[str, list[Plan]] = {}
    async with Crowd.on(database_url, pool_sessions=BACKLOG + 2 * BATCH) as crowd:
        explainer = Explainer()
        event.listen(crowd.engines.write.sync_engine, "before_cursor_execute", explainer.explain)
        for name, operation in {**OPERATIONS, **EXTREMES}.items():
            for _ in range(crowd.batches - 2):
                await crowd.send(crowd.batch())
            await operation(crowd, explainer)
            await crowd.undo()
            found[name] = explainer.taken()
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--database-url", required=True)
    found = asyncio.run(explained(options.parse_args().database_url))
    for name, plans in found.items():
        print(f"\n== {name}")
        for plan in plans:
            print(f"\n{' '.join(plan.statement.split())}")
            print("\n".join(f"    {line}" for line in plan.steps))
            print(f"  {plan.verdict()}")
    wasteful = [plan for plans in found.values() for plan in plans if plan.is_wasteful]
    print(f"\n{sum(map(len, found.values()))} statements, {len(wasteful)} read too much")
    return 1 if wasteful else 0


if __name__ == "__main__":
    sys.exit(main())
