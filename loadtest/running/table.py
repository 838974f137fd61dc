"""A result in a terminal: the integrity counts first, then what it cost."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.result import INTEGRITY, Percentiles, Result


def table(result: Result) -> str:
    """Some twenty lines."""
    return "\n".join(_lines(result))


def _lines(result: Result) -> Iterator[str]:
    counts, summary = result["counts"], result["summary"]
    yield "   ".join(f"{name.replace('_', ' ')} {counts.get(name, 0)}" for name in INTEGRITY)
    yield from (f"  {example}" for example in result["examples"][:5])
    audit = result["audit"]
    yield f"audit    {'not possible' if audit is None else 'clean' if not any(audit.values()) else audit}"
    others = ("accepted", "replied", "failed", "cancelled", "rejected", "unpushed", "resumes", "reconnects")
    yield "messages " + ", ".join(f"{counts.get(name, 0)} {name}" for name in others)
    yield from (f"  failed: {count} {code}" for code, count in result["failed_by_code"].items())
    yield from (f"  rejected: {count} {code}" for code, count in result["rejected_by_code"].items())
    steady_from_s = summary["steady_from_s"]
    yield "of the whole run:" if steady_from_s is None else f"from {steady_from_s:.1f} s on, when all users were there:"
    yield f"rates    {summary['sends_per_s']:.1f} sends/s, {summary['replies_per_s']:.1f} replies/s"
    yield f"per CPU-second of the servers   {summary['sends_per_cpu_s']:.1f} sends, {summary['replies_per_cpu_s']:.1f} replies"
    yield f"accept      {_times(summary['accept_ms'])}"
    yield f"first token {_times(summary['first_token_ms'])}"
    yield f"reply       {_times(summary['reply_ms'])}"
    yield "CPU      " + ", ".join(f"{part} {cpu_s:.1f} s" for part, cpu_s in summary["cpu_s"].items())
    beside = f"users {summary['client_cpu_s']:.1f} s, model {summary['model_cpu_s']:.1f} s"
    yield f"         beside them: {beside}; all others on the machine {summary['others_cores']:.2f} cores"
    yield "memory   " + ", ".join(f"{part} {mib:.0f} MiB" for part, mib in summary["memory_mib"].items())
    passed = result["verdict"]["passed"]
    yield "passed" if passed else "FAILED   " + "; ".join(result["verdict"]["reasons"])


def _times(times: Percentiles) -> str:
    named = (("p50", times.get("p50")), ("p95", times.get("p95")), ("p99", times.get("p99")), ("max", times.get("max")))
    return "  ".join(f"{name} {'-' if value is None else f'{value:.0f} ms'}" for name, value in named)
