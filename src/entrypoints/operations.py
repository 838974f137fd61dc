"""What an operator asks for: `imcore migrate`, `audit` and `recover`."""

from __future__ import annotations

import asyncio

from adapters.sql.migrations_runner import migrate as migrate_schema
from entrypoints.container import CliContainer
from entrypoints.settings import Settings
from imcore.ports import Audit

MAX_HINTED_SESSIONS = 100_000


def migrate(settings: Settings, revision: str) -> str:
    """Bring the schema to `revision`; returns what to tell the operator."""
    _make_data_dir(settings)
    migrate_schema(settings.store_url, revision)
    return f"The database has revision {revision}."


async def audit(settings: Settings, older_than_s: float) -> Audit:
    """Count what is lost or doubled."""
    async with CliContainer(settings=settings).store() as store:
        await store.ping()
        found: Audit = await store.audit(older_than_s=older_than_s)
        return found


async def recover(settings: Settings) -> int:
    """Hint every session in which a reply waits that nobody writes; returns how many."""
    container = CliContainer(settings=settings)
    queue = container.queue()
    async with container.store() as store:
        await store.ping()
        due = await store.due_sessions(waiting_s=0, limit=MAX_HINTED_SESSIONS)
    await queue.ping()
    queue.enqueue(due)
    await queue.close()
    return len(due)


async def prepare_store(settings: Settings) -> None:
    """Make sure that the schema is the one this code needs: SQLite is migrated, of others it is only asked.

    Raises:
        SchemaOutdatedError, StoreUnavailableError: the database is not ready.
    """
    if settings.store_url.startswith("sqlite"):
        _make_data_dir(settings)
        await asyncio.to_thread(migrate_schema, settings.store_url)
        return
    async with CliContainer(settings=settings).store() as store:
        await store.ping()


def _make_data_dir(settings: Settings) -> None:
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
