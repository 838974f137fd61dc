"""Every migration, up and down, on every database."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import _config, _run, current_revision, head_revision, migrate
from adapters.sql.schema import metadata
from imcore.chat_record import ReplyStatus
from imcore.errors import InvalidRequestError, SchemaOutdatedError, StoreUnavailableError
from tests.contracts.message_stores import claim_reply, lease_of, outcome, send

REVISIONS = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database."""
    found = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(found, str)
    return found


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def test_every_migration_goes_up_and_down_and_up_again(url: str) -> None:
    for before, revision in zip(["base", *REVISIONS], REVISIONS, strict=False):
        migrate(url, revision)
        migrate(url, before)
        assert (current_revision(url) or "base") == before
        migrate(url, revision)
        assert current_revision(url) == revision
    assert current_revision(url) == head_revision()
    migrate(url, "base")
    assert _run(url, tables) == set()


def test_the_migrations_lead_to_the_schema_of_the_code(url: str) -> None:
    migrate(url)
    differences = _run(url, lambda connection: compare_metadata(MigrationContext.configure(connection), metadata))
    assert differences == []


def test_a_revision_that_is_not_there_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="nonsense"):
        migrate(url, "nonsense")
    assert current_revision(url) is None


def test_processes_that_migrate_at_the_same_time_do_not_disturb_each_other(url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: migrate(url), range(4)))
    assert current_revision(url) == head_revision()


def test_migrating_a_database_that_is_up_to_date_changes_nothing(url: str) -> None:
    migrate(url)
    migrate(url)
    assert current_revision(url) == head_revision()


async def test_shared_replies_survive_a_way_down_and_up_again(url: str) -> None:
    await asyncio.to_thread(migrate, url)
    async with SqlAlchemyMessageStore(open_engines(url, application_name="imcore-test")) as store:
        sent = [await send(store, text=text) for text in ("one", "two", "three")]
        leader = (await claim_reply(store, merge=True)).record
        reply = (await store.finish(outcome(lease_of(leader)))).message
        assert reply is not None
        waiting = [await send(store, text=text) for text in ("four", "five")]
        await claim_reply(store, merge=True)
    await asyncio.to_thread(migrate, url, "0002")
    await asyncio.to_thread(migrate, url)
    async with SqlAlchemyMessageStore(open_engines(url, application_name="imcore-test")) as store:
        records = [await store.record("alice", one.record.record_id) for one in (*sent, *waiting)]
        ends = [(record.status, record.ai_message_id, record.leader_id) for record in records if record is not None]
        open_alone = (ReplyStatus.PROCESSING, None, None)
        cancelled = (ReplyStatus.CANCELLED, None, None)
        assert ends == [(ReplyStatus.SUCCESS, reply.message_id, None), cancelled, cancelled, open_alone, open_alone]
        audit = await store.audit(older_than_s=0)
        assert (audit.success_without_reply, audit.replies_without_record, audit.double_replies) == (0, 0, 0)
        assert await store.retry("alice", sent[1].record.record_id) is not None


@pytest.mark.parametrize("revision", [None, *REVISIONS[:-1]])
async def test_a_store_names_the_command_that_mends_an_old_schema(url: str, revision: str | None) -> None:
    if revision:
        await asyncio.to_thread(migrate, url, revision)
    async with SqlAlchemyMessageStore(open_engines(url, application_name="imcore-test")) as store:
        with pytest.raises(SchemaOutdatedError, match="imcore migrate"):
            await store.ping()


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "mysql://nobody@127.0.0.1:1/none"])
def test_a_database_that_is_away_is_named_as_such(url: str) -> None:
    with pytest.raises(StoreUnavailableError):
        migrate(url)
