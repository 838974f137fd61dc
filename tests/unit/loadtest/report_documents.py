"""Documents of a load test, as small as a report of them allows, and their pages taken apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from loadtest.report.capacity_page import capacity_page
from loadtest.report.comparison_page import comparison_page
from loadtest.report.result_page import result_page

Document = dict[str, Any]


def moment(t_s: float) -> Document:
    times = {"p50": 3.0 + t_s, "p95": 8.0 + t_s, "p99": 14.0 + t_s}
    return {
        "t_s": t_s,
        "users": 20,
        "sends_per_s": 60.0 + t_s,
        "replies_per_s": 59.0,
        "accept_ms": times,
        "first_token_ms": {name: 50 * value for name, value in times.items()},
        "reply_ms": {name: 300 * value for name, value in times.items()},
        "queue_depth": 4,
        "broker_queue_length": 1,
        "cpu_cores": {"api 1": 0.4, "worker 1": 0.3},
        "memory_mib": {"api 1": 140.0, "worker 1": 170.0},
        "errors_per_s": 0,
    }


def result(title: str = "PostgreSQL and Celery") -> Document:
    return {
        "format": 1,
        "profile": {"name": "standard", "title": title, "adapters": {"store": "postgresql", "apis": 2}, "settings": {"LEASE_S": "15"}},
        "load": {"scenario": "conversations", "users": 20, "seconds": 10, "shape": "steady", "think": "none", "seed": 1},
        "model": {"tokens": 50},
        "machine": {"cpus": 2, "memory_gib": 24.0, "python": "3.11", "platform": "Linux", "mariadb": None, "commit": "0123456789abcdef"},
        "started_at": "2026-11-22T18:04:39+00:00",
        "seconds": 10.0,
        "counts": {
            "accepted": 600,
            "replied": 598,
            "failed": 2,
            "lost": 0,
            "doubled": 0,
            "out_of_order": 0,
            "text_mismatch": 0,
            "violations": 0,
        },
        "failed_by_code": {"model_timeout": 2},
        "rejected_by_code": {},
        "examples": ["model_timeout: no word in 30 s"],
        "summary": {
            "sends_per_s": 60.1,
            "replies_per_s": 59.9,
            "accept_ms": {"p50": 3.12, "p95": 8.4, "p99": 14.2, "max": 182.0},
            "availability": 0.99999,
            "cpu_s": {"api 1": 4.0, "worker 1": 3.0},
            "client_cpu_s": 5.0,
            "memory_mib": {"api 1": 140.0, "worker 1": 170.0},
        },
        "series": [moment(float(t_s)) for t_s in range(1, 11)],
        "audit": {"messages_without_record": 0, "double_replies": 0},
        "verdict": {"passed": True, "reasons": []},
    }


def figure(name: str, verdict: str, ratio: float | None = 1.2) -> Document:
    spread = {"median": 10.0, "min": 9.0, "max": 11.0}
    low, high = (None, None) if ratio is None else (ratio * 0.9, ratio * 1.1)
    return {
        "name": name,
        "unit": "ms",
        "better": "lower",
        "a": spread,
        "b": spread,
        "ratio": ratio,
        "low": low,
        "high": high,
        "verdict": verdict,
    }


def comparison() -> Document:
    figures = [figure("accepted, p50", "A is better"), figure("reply, p99", "inside the noise", None)]
    return {"format": 1, "a": [result("one queue"), result("one queue")], "b": [result("another"), result("another")], "figures": figures}


def capacity() -> Document:
    steps = [
        {"users": users, "kept": users < 400, "why": "" if users < 400 else "too slow", "summary": result()["summary"]}
        for users in (100, 400, 200)
    ]
    return {
        "format": 1,
        "profile": result()["profile"],
        "limits": {"accept_p99_ms": 100, "first_token_p99_s": 1},
        "steps": steps,
        "highest": 200,
    }


PAGES: dict[str, tuple[Callable[[Document], str], Callable[[], Document]]] = {
    "result": (result_page, result),
    "comparison": (comparison_page, comparison),
    "capacity": (capacity_page, capacity),
}


class Page(HTMLParser):
    """Tags with their attributes, visible text, and the JSON at the end."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._within = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  the base class names it
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            self.scripts.append(data)
        elif self._within != "style":
            self.text += data

    @property
    def document(self) -> Document:
        found: Document = json.loads(self.scripts[0])
        return found

    def classes(self, name: str) -> list[str]:
        return [given for tag, attributes in self.tags if tag == name and (given := attributes.get("class"))]
