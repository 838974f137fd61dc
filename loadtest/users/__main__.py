"""Users without a web page: talk for a time, settle, write what came of it.

    python -m loadtest.users --host http://127.0.0.1:8000 --scenario websocket --users 100 --seconds 60 --model-seed 1 --out result.jsonl

Ctrl-C ends the talking early, not the settling. Exit code 1 if a message was lost, doubled, answered out of order or with a wrong text, or
if a rule of the protocol was broken.
"""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import gevent  # type: ignore[import-untyped]  # gevent ships no types
from locust.env import Environment

from loadtest.users.crowd import Crowd
from loadtest.users.options import Options, add_options
from loadtest.users.report import Report
from loadtest.users.scenarios import SCENARIOS
from loadtest.users.shapes import SHAPES

DEFAULT_HOST = "http://127.0.0.1:8000"


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m loadtest.users", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--host", action="append", dest="hosts", metavar="URL", help="of the service; may be repeated, then they share")
    options.add_argument("--scenario", choices=SCENARIOS, default="websocket")
    options.add_argument("--users", type=int, default=10, dest="num_users")
    options.add_argument("--spawn-rate", type=float, default=50.0, help="users a second")
    options.add_argument("--seconds", type=float, default=60.0, dest="run_time", help="how long they talk")
    options.add_argument("--shape", choices=SHAPES, default="steady")
    options.add_argument("--out", type=Path, default=None, metavar="FILE", help="JSON lines; default: standard output")
    add_options(options)
    return options


def run(asked: argparse.Namespace, options: Options) -> int:
    """Returns the number of defects."""
    shape = SHAPES[asked.shape]()
    asked.headless = False  # Locust would end the process with the shape
    environment = Environment(user_classes=list(SCENARIOS[asked.scenario]), shape_class=shape, parsed_options=asked)
    crowd = Crowd(environment, options)
    runner = environment.create_local_runner()
    with ExitStack() as stack:
        out = stack.enter_context(asked.out.open("w", encoding="utf-8")) if asked.out else sys.stdout
        report = Report(environment, crowd, out, has_steady_part=shape.has_steady_part)
        gevent.signal_handler(signal.SIGINT, shape.end)
        ticking = gevent.spawn(_every_second, report)
        runner.start_shape()
        if runner.shape_greenlet is not None:
            runner.shape_greenlet.join()
        crowd.settling.join()
        ticking.kill()
        report.write_second()
        report.write_final()
    return crowd.integrity.defects


def _every_second(report: Report) -> None:
    while True:
        gevent.sleep(1)
        report.write_second()


def main() -> None:
    options = parser()
    asked = options.parse_args()
    try:
        told = Options.of(asked, hosts=tuple(asked.hosts or [DEFAULT_HOST]))
    except ValueError as wrong:
        options.error(str(wrong))
    sys.exit(1 if run(asked, told) else 0)


if __name__ == "__main__":
    main()
