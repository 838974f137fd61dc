"""Integrity over several Locust processes: each worker's report takes what it counted, the master adds it up."""

from __future__ import annotations

from typing import Any

from locust.env import Environment

from loadtest.users.crowd import Crowd

_KEY = "integrity"


def report_integrity(environment: Environment, crowd: Crowd) -> None:
    """Listen to Locust's reports, on either side, and begin anew with each test."""

    def on_report(data: dict[str, Any], **_: object) -> None:
        data[_KEY] = crowd.integrity.take()

    def on_worker_report(data: dict[str, Any], **_: object) -> None:
        if _KEY in data:
            crowd.integrity.merge(data[_KEY])

    def on_test_start(**_: object) -> None:
        crowd.integrity.clear()

    environment.events.report_to_master.add_listener(on_report)  # type: ignore[no-untyped-call]  # Locust's
    environment.events.worker_report.add_listener(on_worker_report)  # type: ignore[no-untyped-call]  # Locust's
    environment.events.test_start.add_listener(on_test_start)  # type: ignore[no-untyped-call]  # Locust's
