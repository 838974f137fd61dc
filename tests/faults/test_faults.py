"""The short form of the fault suite: its most telling faults, each with a few messages. The long form is `make chaos`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.faults.catalogue import CATALOGUE
from tests.faults.fault import Fault
from tests.faults.installation import Installation, Plan, started
from tests.faults.run import run, run_alone

SEED = 1
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation() -> AsyncIterator[Installation]:
    """One for all faults that leave it whole."""
    async with started(Plan()) as running:
        yield running


def _short(name: str) -> Fault:
    fault = CATALOGUE[name]
    return replace(fault, load=replace(fault.load, messages=32, users=8), after_s=1.5)


@pytest.mark.parametrize("name", ["worker-frozen", "api-killed", "redis-restarted", "database-connections-cut"])
async def test_every_message_is_answered_once_and_in_order_whatever_breaks(installation: Installation, name: str) -> None:
    await installation.mend()
    row = await run(_short(name), installation, seed=SEED)

    assert row.is_clean, [*row.problems, *row.findings]
    assert row.accepted == row.replied == 32


async def test_every_message_is_answered_once_after_the_embedded_service_is_killed() -> None:
    row = await run_alone(_short("embedded-killed"), "sqlite", seed=SEED)

    assert row.is_clean, [*row.problems, *row.findings]
    assert row.accepted == row.replied == 32
