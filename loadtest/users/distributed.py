"""Integrity over several Locust processes: each worker's report takes what it counted, the master adds it up.

Before the master stops a test, it has the workers' users stop and settle: else Locust would end the workers half a second later, and with
them the checks of the last replies and of the histories.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import gevent  # type: ignore[import-untyped]  # gevent ships no types
from gevent.event import Event  # type: ignore[import-untyped]  # gevent ships no types
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from loadtest.users.crowd import Crowd

SETTLE, SETTLED = "settle", "settled"
MARGIN_S = 30.0
LOOK_S = 1.0  # whether a worker has gone
_KEY = "integrity"

log = logging.getLogger(__name__)


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


def settle_before_the_end(environment: Environment, crowd: Crowd) -> None:
    """However a test ends: its users settle first, in this process or in the workers."""
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        _have_workers_settle(environment, runner, crowd)
    else:
        environment.events.test_stop.add_listener(lambda **_: crowd.settling.join())  # type: ignore[no-untyped-call]  # Locust's
    if isinstance(runner, WorkerRunner):
        _settle_when_asked(runner, crowd)


def tell_at_the_end(environment: Environment, crowd: Crowd) -> None:
    """A last line with the counts; Locust's exit code is 1 if one of those that must be 0 is not."""

    def on_quitting(**_: object) -> None:
        print({kind: count for kind, count in crowd.integrity.counts().items() if count})
        for example in crowd.integrity.examples:
            print(example)
        if crowd.integrity.defects:
            environment.process_exit_code = 1

    if not isinstance(environment.runner, WorkerRunner):
        environment.events.quitting.add_listener(on_quitting)  # type: ignore[no-untyped-call]  # Locust's


def _have_workers_settle(environment: Environment, master: MasterRunner, crowd: Crowd) -> None:
    patience_s = 2 * crowd.options.patience_s + MARGIN_S  # a user waits for replies, then asks for them
    waiting: set[str] = set()
    one_settled = Event()

    def on_settled(msg: Message, **_: object) -> None:
        crowd.integrity.merge(msg.data)
        waiting.discard(msg.node_id)
        one_settled.set()

    def on_test_stopping(**_: object) -> None:
        waiting.update(client.id for client in master.clients.all)
        master.send_message(SETTLE)
        deadline = time.monotonic() + patience_s
        while waiting & {client.id for client in master.clients.all} and time.monotonic() < deadline:
            one_settled.clear()
            one_settled.wait(LOOK_S)
        if waiting:
            log.warning("%d workers ended unsettled: their last replies and histories are not checked", len(waiting))
            waiting.clear()

    master.register_message(SETTLED, on_settled)
    environment.events.test_stopping.add_listener(on_test_stopping)  # type: ignore[no-untyped-call]  # Locust's


def _settle_when_asked(worker: WorkerRunner, crowd: Crowd) -> None:
    def on_settle(**_: object) -> None:
        gevent.spawn(settle)  # the greenlet that hears the master goes on hearing it

    def settle() -> None:
        worker.stop()
        worker.send_message(SETTLED, crowd.integrity.take())

    worker.register_message(SETTLE, on_settle)
