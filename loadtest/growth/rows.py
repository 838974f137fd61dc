"""Rows as the adapter writes them: its columns, its column types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Table

from adapters.sql.schema import messages, records, sessions
from imcore.chat_record import ChatRecord
from imcore.message import Message
from imcore.session import Session
from loadtest.growth.history import Turn


@dataclass(frozen=True, slots=True)
class Writer:
    """Turns what one table keeps into rows, in the order of `columns`; the key counts by itself."""

    table: str
    columns: Sequence[str]
    processors: Sequence[Callable[[Any], Any] | None]

    @classmethod
    def of(cls, table: Table, dialect: Dialect) -> Writer:
        columns = [column for column in table.columns if column.name != "id"]
        processors = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
        return cls(table.name, [column.name for column in columns], processors)

    def row(self, thing: Message | ChatRecord | Session) -> list[Any]:
        values = [getattr(thing, name) for name in self.columns]
        return [process(value) if process else value for process, value in zip(self.processors, values, strict=True)]


class Writers:
    """One for each table."""

    def __init__(self, dialect: Dialect) -> None:
        self._messages = Writer.of(messages, dialect)
        self._records = Writer.of(records, dialect)
        self._sessions = Writer.of(sessions, dialect)

    def turns(self, turns: Sequence[Turn]) -> list[tuple[Writer, list[list[Any]]]]:
        """All rows of these turns, by table, in the order of time."""
        lines = [line for turn in turns for line in (turn.message, turn.reply) if line is not None]
        return [
            (self._messages, [self._messages.row(line) for line in lines]),
            (self._records, [self._records.row(turn.record) for turn in turns]),
        ]

    def sessions(self, ended: Sequence[Session]) -> tuple[Writer, list[list[Any]]]:
        """The rows of the sessions, as the last turn left them."""
        return self._sessions, [self._sessions.row(session) for session in ended]
