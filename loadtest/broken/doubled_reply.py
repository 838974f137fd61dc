"""One reply in a thousand is kept twice: whoever reads the history sees two. Found as `doubled`, and by `imcore audit`."""

from __future__ import annotations

from dataclasses import replace

from adapters.sql.bulk import write_together
from adapters.sql.connection import Connection
from adapters.sql.locks import lock_sessions
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.sql.session_log import SessionLog
from imcore.chat_record import ReplyOutcome
from imcore.ids import new_id
from imcore.message import Message
from imcore.ports import Finished
from loadtest.broken import ONE_IN
from loadtest.broken.sql_store import override_store


class DoublingStore(SqlAlchemyMessageStore):
    """It commits some replies, and then commits them once more."""

    _finished = 0

    async def finish(self, outcome: ReplyOutcome) -> Finished:
        finished = await super().finish(outcome)
        self._finished += 1
        if finished.message is not None and self._finished % ONE_IN == 0:
            again = replace(finished.message, message_id=new_id())
            await self._database.write(lambda connection: _append(connection, again))
        return finished


async def _append(connection: Connection, message: Message) -> None:
    log = SessionLog(await lock_sessions(connection, {message.session_id}))
    log.append(message, user_id=log.owner(message.session_id) or message.from_user_id)
    await write_together(connection, *log.writes())


def override() -> None:
    """Every API process has the broken store."""
    override_store(DoublingStore)
