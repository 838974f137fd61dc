"""Integrity: the six counts that must be 0, and the verdict, which no claim of the document can make better than they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from loadtest.report.fields import at, number, numbers, sequence
from loadtest.report.markup import Markup, element, joined
from loadtest.report.units import MISSING, digits
from loadtest.result import INTEGRITY

NAMES = {
    "lost": "lost",
    "doubled": "doubled",
    "out_of_order": "out of order",
    "text_mismatch": "texts that differ",
    "violations": "violations",
    "audit": "audit findings",
}
State = Literal["passed", "failed", "unknown"]


def integrity(result: Mapping[str, object]) -> dict[str, float | None]:
    """The six by name; None was not measured."""
    counts = {name: number(result, "counts", name) for name in INTEGRITY}
    audit = numbers(result, "audit")
    return {**counts, "audit": sum(audit.values()) if audit else None}


def summed(results: Iterable[Mapping[str, object]]) -> dict[str, float | None]:
    """The six over several rounds."""
    rounds = [integrity(result) for result in results]
    known = {name: [each[name] for each in rounds] for name in NAMES}
    return {name: sum(counts) if (counts := [count for count in each if count is not None]) else None for name, each in known.items()}


def state(result: Mapping[str, object]) -> State:
    """Failed if the document says so or any of the six is not 0; unknown without a verdict or a count."""
    counts = integrity(result)
    passed = at(result, "verdict", "passed")
    if passed is False or any(counts.values()):
        return "failed"
    return "passed" if passed is True and all(counts[name] is not None for name in INTEGRITY) else "unknown"


def reasons(result: Mapping[str, object]) -> list[str]:
    """Why it did not pass: what the document says, and what the counts say if it is silent."""
    said = [str(reason) for reason in sequence(result, "verdict", "reasons")]
    counts = integrity(result)
    if said or state(result) == "passed":
        return said
    if wrong := [f"{NAMES[name]}: {digits(count)}" for name, count in counts.items() if count]:
        return wrong
    unknown = [NAMES[name] for name in INTEGRITY if counts[name] is None]
    return [f"Not measured: {', '.join(unknown)}."] if unknown else []


def counts_list(counts: Mapping[str, float | None]) -> Markup:
    """The six side by side, each as plain as it is."""
    return element("dl", joined(_count(NAMES[name], count) for name, count in counts.items()), class_="counts")


def verdict_banner(word: str, how: State, why: Sequence[str]) -> Markup:
    """The verdict in a word, and why."""
    sign = {"passed": "✓", "failed": "✕", "unknown": "?"}[how]
    listed = element("ul", joined(element("li", reason) for reason in why)) if why else None
    return element("div", element("p", element("span", sign, class_="sign", aria_hidden="true"), word), listed, class_=f"verdict {how}")


def _count(name: str, count: float | None) -> Markup:
    wrong = "must be 0" if count else "not measured" if count is None else None
    named = element("dt", name, element("small", wrong) if wrong else None)
    return element("div", named, element("dd", MISSING if count is None else digits(count)), class_="wrong" if count else None)
