"""Every provider can be called: a misspelt keyword is found by no type checker."""

import pytest
from dependency_injector.containers import DeclarativeContainer

from entrypoints.container import ApiContainer, CliContainer, WorkerContainer
from entrypoints.settings import Settings, WrongSettingsError

SECRET = "s" * 32

EMBEDDED = {}
DISTRIBUTED = {"redis_url": "redis://127.0.0.1:1/0", "database_url": "postgresql://u@127.0.0.1:1/x", "jwt_secret": SECRET}


def every_provider(container: DeclarativeContainer) -> list[str]:
    called = []
    for name, provider in container.providers.items():
        if name not in {"__self__", "lifecycle"}:
            provider()
            called.append(name)
    return called


@pytest.mark.parametrize("settings", [EMBEDDED, DISTRIBUTED], ids=["embedded", "distributed"])
async def test_every_provider_of_the_api_can_be_called(settings, tmp_path):
    container = ApiContainer(settings=Settings(data_dir=tmp_path, **settings))
    assert {"send_message", "resume_session", "hub", "writers"} <= set(every_provider(container))
    assert container.send_message() is container.send_message()
    await close(container)


async def test_every_provider_of_the_worker_can_be_called(tmp_path):
    container = WorkerContainer(settings=Settings(data_dir=tmp_path, **DISTRIBUTED), concurrency=7)
    assert {"writers", "consumer"} <= set(every_provider(container))
    await close(container)


@pytest.mark.parametrize("settings", [EMBEDDED, DISTRIBUTED], ids=["embedded", "distributed"])
async def test_every_provider_of_the_commands_can_be_called(settings, tmp_path):
    container = CliContainer(settings=Settings(data_dir=tmp_path, **settings))
    every_provider(container)
    await close(container)


async def close(container) -> None:
    for part in (container.queue(), container.notifier(), container.store()):
        await part.close()


def test_a_list_of_cluster_nodes_is_refused_with_the_accepted_form(tmp_path):
    settings = Settings(data_dir=tmp_path, **{**DISTRIBUTED, "redis_url": "redis://a:1,b:2"})
    with pytest.raises(WrongSettingsError, match="IM_REDIS_URL"):
        CliContainer(settings=settings).queue()
