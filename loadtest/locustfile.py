"""For Locust: all users and shapes, to be picked on its page.

    locust -f loadtest/locustfile.py --class-picker --host http://127.0.0.1:8000 --processes 2

When a test ends, its users wait for their last replies and check their histories. The page `/integrity` counts what was lost, doubled, out
of order or wrong; so does the last line. The options are those of `python -m loadtest.users --help`, here too, or IM_LOAD_….
"""

from __future__ import annotations

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtest.users.crowd import Crowd
from loadtest.users.distributed import report_integrity, settle_before_the_end, tell_at_the_end
from loadtest.users.options import add_options
from loadtest.users.scenarios import DoubleTextingUser, HttpUser, IdleUser, StormUser, WebSocketUser
from loadtest.users.shapes import Ramp, Spike, Steady
from loadtest.users.web_page import add_page

__all__ = ["DoubleTextingUser", "HttpUser", "IdleUser", "Ramp", "Spike", "Steady", "StormUser", "WebSocketUser"]


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust's
def _add_options(parser: LocustArgumentParser) -> None:
    add_options(parser)


@events.init.add_listener  # type: ignore[untyped-decorator]  # Locust's
def _begin(environment: Environment, **_: object) -> None:
    crowd = Crowd.of(environment)
    report_integrity(environment, crowd)
    settle_before_the_end(environment, crowd)
    tell_at_the_end(environment, crowd)
    if environment.web_ui is not None:
        add_page(environment.web_ui, crowd)
