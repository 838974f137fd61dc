"""Alembic without an ini file: in a checkout and in an installed wheel alike. Blocking functions, for a thread or a command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from adapters.sql.engine import open_engines
from adapters.sql.failures import translated
from imcore.errors import InvalidRequestError

T = TypeVar("T")

_LOCK = 4_717_401  # any number, the same in all versions
_LOCK_TIMEOUT_S = 60


def migrate(database_url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`, up or down ("base" takes everything away). Many processes may do so at once.

    Raises:
        ValueError: not a database URL that is accepted.
        StoreUnavailableError: the database does not answer.
        InvalidRequestError: there is no such revision.
    """
    _check(revision)
    _run(database_url, lambda connection: _migrate(connection, revision))


def current_revision(database_url: str) -> str | None:
    """The revision of the database's schema, None if it has none."""
    return _run(database_url, revision_of)


@cache
def head_revision() -> str:
    """The revision that this code needs."""
    head = _scripts().get_current_head()
    if head is None:
        raise FileNotFoundError(f"no migrations in {_script_folder()}")
    return head


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema behind `connection`, None if it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def _migrate(connection: Connection, revision: str) -> None:
    _lock(connection)
    config = _config()
    config.attributes["connection"] = connection
    before = _height(revision_of(connection))
    if _height(revision) >= before:
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)


def _check(revision: str) -> None:
    known = ["base", *(script.revision for script in _scripts().walk_revisions()), "head"]
    if revision not in known:
        raise InvalidRequestError(f"{revision}: no such revision; there are {', '.join(sorted(known))}.")


def _lock(connection: Connection) -> None:
    """Keep other migrations out until the transaction or the connection ends. On SQLite its BEGIN IMMEDIATE has done so."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    elif connection.dialect.name == "mysql":
        connection.execute(text("SELECT GET_LOCK(:lock, :timeout_s)"), {"lock": f"imcore.{_LOCK}", "timeout_s": _LOCK_TIMEOUT_S})


def _height(revision: str | None) -> int:
    """How many migrations lead to it."""
    return len(list(_scripts().iterate_revisions(revision or "base", "base")))


def _run(database_url: str, work: Callable[[Connection], T]) -> T:
    return asyncio.run(_run_in_transaction(database_url, work))


async def _run_in_transaction(database_url: str, work: Callable[[Connection], T]) -> T:
    engines = open_engines(database_url, application_name="imcore-migrate")
    try:
        with translated():
            async with engines.write.begin() as connection:
                return await connection.run_sync(work)
    finally:
        await engines.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_script_folder()).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _script_folder() -> Path:
    """`migrations` beside this file in a wheel, at the top of a checkout."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"
