"""Ids in a path: what cannot be an id is not found, whatever it is, and no database is asked for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from imcore.errors import InvalidRequestError, NotFoundError
from imcore.ids import check_message_id


def possible_id(value: str, name: str) -> str:
    """Raises `NotFoundError` for what no message and no record can have as its id."""
    try:
        return check_message_id(value)
    except InvalidRequestError:
        raise NotFoundError(f"You have no such {name}.") from None


def _message_id(message_id: Annotated[str, Path()]) -> str:
    return possible_id(message_id, "message")


def _record_id(record_id: Annotated[str, Path()]) -> str:
    return possible_id(record_id, "record")


MessageId = Annotated[str, Depends(_message_id)]
RecordId = Annotated[str, Depends(_record_id)]
