"""How every command of the kit begins and ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from loadtest.running.databases import NotDurableError
from loadtest.running.installation import UnknownSettingError
from loadtest.running.users import UsersFailedError
from tests.servers import NoServerError, ServerFailedError

FORESEEN = (NoServerError, ServerFailedError, NotDurableError, UnknownSettingError, UsersFailedError)
NOT_RUN, INTERRUPTED = 2, 130


class Parser(argparse.ArgumentParser):
    """The options of a command; of a wrong one it says in a line what there is."""

    def __init__(self, prog: str, description: str | None, epilog: str = "") -> None:
        super().__init__(prog=prog, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        self.exit(NOT_RUN, f"{self.prog}: {message}\n")


def ended(main: Callable[[], None]) -> None:
    """Run it; what kept it from running, or ended it, is said without a traceback. By then all that it had started is gone."""
    try:
        main()
    except FORESEEN as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(NOT_RUN)
    except KeyboardInterrupt:
        print("\nstopped by Ctrl-C; users and servers are gone", file=sys.stderr)
        sys.exit(INTERRUPTED)
