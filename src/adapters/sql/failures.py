"""What a driver's error means: away, clashed with a neighbour, or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from imcore.errors import StoreUnavailableError

_CLASHES = {
    "40001",  # PostgreSQL: serialization failure
    "40P01",  # PostgreSQL: deadlock
    1213,  # MySQL: deadlock
    1205,  # MySQL: lock wait timeout
    1020,  # MariaDB: record has changed since last read
}


@contextmanager
def translated() -> Iterator[None]:
    """Errors that say "the database is away" become `StoreUnavailableError`; all others pass."""
    try:
        yield
    except (OSError, PoolTimeoutError) as error:  # OSError: refused, unreachable, asyncio's timeout
        raise StoreUnavailableError(f"The database does not answer ({type(error).__name__}).") from error
    except DBAPIError as error:
        if _is_outage(error):
            raise StoreUnavailableError(f"The database does not answer ({type(error.orig).__name__}).") from error
        raise


def is_clash(error: DBAPIError) -> bool:
    """Whether neighbours in other transactions were in the way, so that the same transaction can succeed now.

    A unique key that somebody else has just taken is one: the next try sees who has it.
    """
    return isinstance(error, IntegrityError) or _code(error) in _CLASHES


def is_cut(error: DBAPIError) -> bool:
    """Whether the connection died (the pool has replaced it)."""
    return error.connection_invalidated


def _is_outage(error: DBAPIError) -> bool:
    return is_cut(error) or isinstance(error, (OperationalError, InterfaceError))


def _code(error: DBAPIError) -> object:
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate if sqlstate is not None else next(iter(getattr(error.orig, "args", ())), None)
