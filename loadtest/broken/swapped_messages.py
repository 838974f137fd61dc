"""One message in a thousand changes places with the next of its session. Found as `out_of_order`."""

from __future__ import annotations

from dataclasses import replace

from adapters.sql.engine import Engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from imcore.chat_record import ChatRecord
from imcore.double_texting import DoubleTexting
from imcore.message import Message
from imcore.ports import Stored
from loadtest.broken import ONE_IN
from loadtest.broken.sql_store import override_store

TO_THE_NEXT = 2
"""From a message to the next one: the reply lies between."""


class SwappingStore(SqlAlchemyMessageStore):
    """It tells some senders the place of their next message, and with that one the place of the first."""

    _adds = 0

    def __init__(self, engines: Engines) -> None:
        super().__init__(engines)
        self._swapped: dict[str, int] = {}

    async def add(
        self,
        message: Message,
        record: ChatRecord,
        *,
        max_pending: int | None = None,
        double_texting: DoubleTexting = DoubleTexting.QUEUE,
    ) -> Stored:
        stored = await super().add(message, record, max_pending=max_pending, double_texting=double_texting)
        self._adds += 1
        seq = self._swapped.pop(message.session_id, None)
        if seq is None and self._adds % ONE_IN == 0:
            self._swapped[message.session_id] = stored.message.seq
            seq = stored.message.seq + TO_THE_NEXT
        return stored if seq is None else replace(stored, message=replace(stored.message, seq=seq))


def override() -> None:
    """Every API process has the broken store."""
    override_store(SwappingStore)
