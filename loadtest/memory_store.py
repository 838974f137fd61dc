"""A store that keeps nothing beyond its process: the upper bound of what any database could reach behind the same service.

The one of `adapters.memory` looks through all it has at each step, which is right for tests and wrong for a bound: here the same steps find
by index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from dependency_injector import providers

from adapters.memory.message_store import MemoryMessageStore
from entrypoints.container import ApiContainer
from imcore.chat_record import ChatRecord
from imcore.message import Message


class _Messages(dict[str, Message]):
    """Messages by id, and those of each session in the order of `seq`."""

    def __init__(self) -> None:
        super().__init__()
        self.of_session: defaultdict[str, list[Message]] = defaultdict(list)

    def __setitem__(self, message_id: str, message: Message) -> None:
        super().__setitem__(message_id, message)
        self.of_session[message.session_id].append(message)

    def __delitem__(self, message_id: str) -> None:
        self.of_session[self[message_id].session_id].remove(self[message_id])
        super().__delitem__(message_id)


class _Records(dict[str, ChatRecord]):
    """Records by id; the open ones also by session, all by the message they answer."""

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, ChatRecord] = {}
        self.open_of: defaultdict[str, dict[str, ChatRecord]] = defaultdict(dict)
        self.of_message: dict[str, str] = {}

    def __setitem__(self, record_id: str, record: ChatRecord) -> None:
        super().__setitem__(record_id, record)
        self.of_message[record.user_message_id] = record_id
        if record.is_open:
            self.open[record_id] = self.open_of[record.session_id][record_id] = record
        else:
            self.open.pop(record_id, None)
            self.open_of[record.session_id].pop(record_id, None)


class IndexedMemoryStore(MemoryMessageStore):
    """`MemoryMessageStore` with indexes, and with the doors that a process of the service opens and closes."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: _Messages = _Messages()
        self._records: _Records = _Records()

    def _record_of(self, user_message_id: str) -> ChatRecord | None:
        record_id = self._records.of_message.get(user_message_id)
        return None if record_id is None else self._records[record_id]

    def _lines(self, session_id: str) -> list[Message]:
        return list(self._messages.of_session[session_id])

    def _open(self) -> Iterable[ChatRecord]:
        return self._records.open.values()

    def _open_of(self, session_id: str) -> list[ChatRecord]:
        return sorted(self._records.open_of[session_id].values(), key=lambda record: record.user_seq)

    def connection_counts(self) -> dict[str, int]:
        """There are no connections."""
        return {}

    async def close(self) -> None:
        """There is nothing to close."""


def override() -> None:
    """Every API process of this program keeps in memory."""
    ApiContainer.store.override(providers.Singleton(IndexedMemoryStore))
