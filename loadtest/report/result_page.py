"""The page of one run: verdict and integrity, headline figures, plots over time, details."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from loadtest.report.fields import mapping, number, numbers, sequence, text
from loadtest.report.integrity import counts_list, integrity, reasons, state, verdict_banner
from loadtest.report.markup import Markup, element, joined
from loadtest.report.over_time import plots_of
from loadtest.report.page import header, page, section
from loadtest.report.tables import pairs, profile_boxes, table
from loadtest.report.units import MIB, MS, PER_S, Unit, digits, percent, together

_WORDS = {"passed": "Passed", "failed": "Failed", "unknown": "Not proven"}
_OUTCOMES = ("accepted", "replied", "failed", "cancelled", "rejected", "reconnects", "resumes")
_SECONDS = Unit("s")


def result_page(result: Mapping[str, object]) -> str:
    """The report of a result.json."""
    title = text(result, "profile", "title") or text(result, "profile", "name") or "A run"
    how = state(result)
    top = element("section", verdict_banner(_WORDS[how], how, reasons(result)), counts_list(integrity(result)), _outcomes(result))
    plots = element("div", joined(plot.figure() for plot in plots_of(result)), class_="plots")
    return page(
        f"{title}: {_WORDS[how]}",
        result,
        header("Load test", title, about(result)),
        top,
        section("Figures", _measured(result), _headline(result)),
        section("Over time", plots),
        section("Details", *_details(result)),
    )


def about(result: Mapping[str, object]) -> str:
    """Scenario, users, duration, date and commit in a line."""
    users, seconds = number(result, "load", "users"), number(result, "load", "seconds")
    parts = (
        text(result, "load", "scenario"),
        f"{digits(users)} users" if users is not None else "",
        f"{digits(seconds)} s" if seconds is not None else "",
        _date(text(result, "started_at")),
        f"commit {commit}" if (commit := _short(text(result, "machine", "commit"))) else "",
    )
    return " · ".join(together(part) for part in parts if part)


def _short(commit: str) -> str:
    """Ten digits of it, and whether the tree was dirty."""
    digest, dash, state_of_tree = commit.partition("-")
    return f"{digest[:10]}{dash}{state_of_tree}"


def _date(iso: str) -> str:
    """As people write it; as it stands where it is no ISO date."""
    try:
        return f"{datetime.fromisoformat(iso):%-d %B %Y, %H:%M %Z}".rstrip(", ")
    except ValueError:
        return iso


def _outcomes(result: Mapping[str, object]) -> Markup:
    counts = numbers(result, "counts")
    said = [element("li", element("b", digits(counts[name])), f" {name}") for name in _OUTCOMES if name in counts]
    return element("ul", joined(said), class_="outcomes")


def _measured(result: Mapping[str, object]) -> Markup | None:
    """Of which part of the run rates and times are, if it is not all of it."""
    steady_from_s = number(result, "summary", "steady_from_s")
    if steady_from_s is None:
        return None
    return element("p", f"Rates and times: from {_SECONDS.text(steady_from_s)} on, when all users were there.", class_="about")


def _headline(result: Mapping[str, object]) -> Markup:
    memory, cpu = numbers(result, "summary", "memory_mib"), numbers(result, "summary", "cpu_s")
    tiles = [
        _tile("Sends", PER_S.text(number(result, "summary", "sends_per_s")), _at_load(result)),
        _tile("Replies", PER_S.text(number(result, "summary", "replies_per_s")), "written and whole"),
        _tile("Availability", percent(number(result, "summary", "availability")), "sends without a server error"),
        _tile(
            "Replies per CPU-second",
            _digits_or_dash(number(result, "summary", "replies_per_cpu_s")),
            f"{_digits_or_dash(number(result, 'summary', 'sends_per_cpu_s'))} sends",
        ),
        _time_tile("Acceptance, p50", mapping(result, "summary", "accept_ms")),
        _time_tile("First token, p50", mapping(result, "summary", "first_token_ms")),
        _time_tile("Whole reply, p50", mapping(result, "summary", "reply_ms")),
        _tile("Memory, peak", MIB.text(sum(memory.values()) if memory else None), _processes(len(memory or cpu))),
    ]
    return element("dl", joined(tiles), class_="figures")


def _tile(name: str, figure: str, note: str) -> Markup:
    return element("div", element("dt", name), element("dd", figure, element("small", note)))


def _time_tile(name: str, times: Mapping[str, object]) -> Markup:
    others = [together(f"{point} {MS.text(value)}") for point in ("p95", "p99", "max") if (value := number(times, point)) is not None]
    return _tile(name, MS.text(number(times, "p50")), " · ".join(others))


def _at_load(result: Mapping[str, object]) -> str:
    users = number(result, "load", "users")
    return f"from {digits(users)} users" if users is not None else ""


def _processes(count: int) -> str:
    return f"{count} processes" if count != 1 else "1 process"


def _digits_or_dash(value: float | None) -> str:
    return Unit().text(value)


def _details(result: Mapping[str, object]) -> list[Markup | None]:
    boxes = (
        *profile_boxes(result),
        pairs("Load", mapping(result, "load")),
        pairs("Model", mapping(result, "model")),
        pairs("Machine", mapping(result, "machine")),
        pairs("Failed, by code", mapping(result, "failed_by_code")),
        pairs("Rejected, by code", mapping(result, "rejected_by_code")),
        pairs("Audit of the database", mapping(result, "audit")),
    )
    return [_processes_table(result), element("div", joined(boxes), class_="boxes"), _examples(result)]


def _processes_table(result: Mapping[str, object]) -> Markup | None:
    cpu, memory = numbers(result, "summary", "cpu_s"), numbers(result, "summary", "memory_mib")
    total = sum(cpu.values())
    rows: list[tuple[str, str, str, str]] = []
    for part in {**cpu, **memory}:
        share = f"{100 * cpu[part] / total:.0f} %" if part in cpu and total else ""
        rows.append((part, _SECONDS.text(cpu.get(part)), share, MIB.text(memory.get(part))))
    for name, field in (("users (not counted)", "client_cpu_s"), ("model (not counted)", "model_cpu_s")):
        if (spent := number(result, "summary", field)) is not None:
            rows.append((name, _SECONDS.text(spent), "", ""))
    return table("Processes", ("process", "CPU", "share", "memory, peak"), rows, narrow=True) if rows else None


def _examples(result: Mapping[str, object]) -> Markup | None:
    examples = [element("li", element("code", str(example))) for example in sequence(result, "examples")]
    return (
        element("section", element("h3", "Examples of what went wrong"), element("ul", joined(examples), class_="examples"))
        if examples
        else None
    )
