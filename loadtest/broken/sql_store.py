"""Putting a broken store in the place of the SQL one."""

from __future__ import annotations

from dependency_injector import providers

from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from entrypoints.container import ApiContainer
from entrypoints.settings import Settings


def override_store(broken: type[SqlAlchemyMessageStore]) -> None:
    """Every API process has this store, on the database of its settings."""

    def build(settings: Settings) -> SqlAlchemyMessageStore:
        return broken(open_engines(settings.store_url, application_name="imcore-broken"))

    ApiContainer.store.override(providers.Singleton(build, ApiContainer.settings))
