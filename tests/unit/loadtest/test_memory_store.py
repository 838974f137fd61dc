"""The store of the upper bound keeps the whole contract of a MessageStore: it may be fast, not lax."""

from __future__ import annotations

import pytest

from imcore.ports import MessageStore
from loadtest.memory_store import IndexedMemoryStore
from tests.contracts.message_stores import TwoStores
from tests.contracts.test_message_store_claims import *  # noqa: F403  (the contract, here over one store more)
from tests.contracts.test_message_store_double_texting import *  # noqa: F403
from tests.contracts.test_message_store_ends import *  # noqa: F403
from tests.contracts.test_message_store_reads import *  # noqa: F403
from tests.contracts.test_message_store_sends import *  # noqa: F403
from tests.contracts.test_message_store_session_waits import *  # noqa: F403
from tests.contracts.test_message_store_user_moves import *  # noqa: F403
from tests.contracts.test_message_store_windows import *  # noqa: F403
from tests.contracts.test_message_store_writer_reads import *  # noqa: F403


@pytest.fixture
def store_url() -> None:
    """It has no database."""


@pytest.fixture
def two_stores() -> TwoStores:
    store = IndexedMemoryStore()
    return store, store


@pytest.fixture
def message_store(two_stores: TwoStores) -> MessageStore:
    return two_stores[0]
