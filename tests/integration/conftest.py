"""A migrated PostgreSQL and the store on it; an API in this process, with a model that the test speaks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.migrations_runner import migrate
from tests.fakes.api_container import MemoryContainer
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient


@pytest.fixture
async def migrated_url(postgres_url: str) -> str:
    await asyncio.to_thread(migrate, postgres_url)
    return postgres_url


@pytest.fixture
async def store(migrated_url: str) -> AsyncIterator[SqlAlchemyMessageStore]:
    async with SqlAlchemyMessageStore(open_engines(migrated_url, application_name="imcore-test")) as one:
        yield one


@pytest.fixture
def llm() -> SteeredLLMClient:
    return SteeredLLMClient()


@pytest.fixture
async def api(llm: SteeredLLMClient) -> AsyncIterator[ApiServer]:
    async with ApiServer.running(MemoryContainer(llm)) as api:
        yield api
