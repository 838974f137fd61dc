"""How every command of the kit ends."""

from __future__ import annotations

import sys
from collections.abc import Callable

from loadtest.running.databases import NotDurableError
from loadtest.running.installation import UnknownSettingError
from loadtest.running.users import UsersFailedError
from tests.servers import NoServerError, ServerFailedError

FORESEEN = (NoServerError, ServerFailedError, NotDurableError, UnknownSettingError, UsersFailedError)
NOT_RUN, INTERRUPTED = 2, 130


def ended(main: Callable[[], None]) -> None:
    """Run it; what kept it from running is said without a traceback. By then all that it had started is gone."""
    try:
        main()
    except FORESEEN as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(NOT_RUN)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
