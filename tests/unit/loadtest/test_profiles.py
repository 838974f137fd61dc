"""Profiles: every file is one, and none can say what imcore cannot be."""

from dataclasses import replace
from importlib import import_module

import pytest

from entrypoints.container import ApiContainer
from entrypoints.settings import Settings
from loadtest import profiles
from loadtest.profiles import UnknownProfileError, all_profiles, profile
from loadtest.running.load import Load, Model

OURS = all_profiles().values()
OVERRIDING = [one for one in OURS if one.overrides]


@pytest.mark.parametrize("ours", OURS, ids=lambda one: one.name)
def test_a_profile_is_found_under_the_name_of_its_file(ours):
    assert import_module(f"{profiles.__name__}.{ours.name.replace('-', '_')}").PROFILE is ours


def test_the_profiles_that_are_promised_are_there():
    promised = {"embedded", "embedded-postgres", "distributed", "two-apis", "two-workers", "two-and-two", "mariadb", "memory"}
    promised |= {"chat-openai", "lean", "streamed", "whole"}
    assert promised <= set(all_profiles())
    assert sum(name.startswith("broken-") for name in all_profiles()) >= 3


@pytest.mark.parametrize("ours", OURS, ids=lambda one: one.name)
def test_a_profile_sets_only_what_imcore_knows_and_load_only_what_the_commands_know(ours):
    assert {name.lower() for name in ours.environment} <= set(Settings.model_fields)
    assert set(ours.load) <= {*Load.__dataclass_fields__, *Model.__dataclass_fields__}


def test_an_unknown_name_is_answered_with_those_that_there_are():
    with pytest.raises(UnknownProfileError, match="two-and-two"):
        profile("fastest")


@pytest.mark.parametrize("changes", [{"push": "in-process"}, {"queue": "in-process", "push": "in-process"}, {"store": "memory"}])
def test_an_installation_that_cannot_be_is_refused(changes):
    with pytest.raises(ValueError, match="distributed"):
        replace(profile("distributed"), **changes)


@pytest.mark.parametrize("ours", OVERRIDING, ids=lambda one: one.name)
async def test_an_override_puts_an_adapter_of_the_kit_in_the_containers_place(ours, tmp_path):
    changed = ApiContainer.hub if ours.name == "broken-dropped-event" else ApiContainer.store
    import_module(ours.overrides).override()
    try:
        container = ApiContainer(settings=Settings(data_dir=tmp_path))
        part = container.hub() if changed is ApiContainer.hub else container.store()
    finally:
        changed.reset_override()
    assert type(part).__module__ == ours.overrides
    await container.store().close()
