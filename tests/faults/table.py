"""The table at the end, and below it what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tests.faults.row import Row

_COLUMNS: dict[str, Callable[[Row], object]] = {
    "fault": lambda row: row.fault,
    "database": lambda row: row.database,
    "accepted": lambda row: row.accepted,
    "replied": lambda row: row.replied,
    "failed": lambda row: sum(row.failed.values()),
    "cancelled": lambda row: row.cancelled,
    "lost": lambda row: row.lost,
    "doubled": lambda row: row.doubled,
    "order": lambda row: row.out_of_order,
    "mixed": lambda row: row.mixed,
    "violations": lambda row: row.violations,
    "resumes": lambda row: row.resumes,
    "unrec.": lambda row: row.not_recovered,
    "silence s": lambda row: _seconds(row.silence_s),
    "recovery p50": lambda row: _seconds(row.recovery_p50_s),
    "p99 s": lambda row: _seconds(row.recovery_p99_s),
    "accept p99": lambda row: _seconds(row.accept_p99_s, 3),
    "": lambda row: "ok" if row.is_clean else "WRONG",
}


def table(rows: Sequence[Row]) -> str:
    """One line a fault; then figures of a fault's own, problems and findings."""
    lines = [list(_COLUMNS), *([str(value(row)) for value in _COLUMNS.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join([*(_line(cells, widths) for cells in lines), *_remarks(rows)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Names to the left, numbers to the right."""
    numbers = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return "  ".join([cells[0].ljust(widths[0]), *numbers])


def _remarks(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        told = [f"{name} {count}" for name, count in row.failed.items()] + [f"{name} {value:g}" for name, value in row.figures.items()]
        if told:
            yield f"{row.fault}: {', '.join(told)}"
        yield from (f"{row.fault}: {line}" for line in (*row.problems, *row.findings))


def _seconds(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
