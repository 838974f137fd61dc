"""Rows and what they are in the domain. Columns have the names of the dataclasses' fields, so the fields give the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import FromClause
from sqlalchemy.sql.elements import KeyedColumnElement

from adapters.sql.schema import messages, records, sessions
from imcore.chat_record import ChatRecord
from imcore.message import Message
from imcore.session import Session


def columns_of(table: FromClause, kind: type[Message] | type[ChatRecord] | type[Session]) -> list[KeyedColumnElement[Any]]:
    """What to select of `table`, or of an alias of it, for a `kind(*row)`."""
    return [table.c[field.name] for field in fields(kind)]


MESSAGE = columns_of(messages, Message)
RECORD = columns_of(records, ChatRecord)
SESSION = columns_of(sessions, Session)


def split(row: Sequence[Any], kind: type[Message]) -> tuple[Sequence[Any], Sequence[Any]]:
    """The columns of a message that a row begins with, and the rest."""
    width = len(fields(kind))
    return row[:width], row[width:]


def values_of(thing: Message | ChatRecord | Session, names: Sequence[str]) -> dict[str, Any]:
    """The values of these columns."""
    return {name: getattr(thing, name) for name in names}
