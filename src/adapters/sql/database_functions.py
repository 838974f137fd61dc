"""Calls of the functions that the migrations make in PostgreSQL, see `migrations/functions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, JSON, BigInteger, Column, DateTime, Select, String, Text, bindparam, cast, func, select

from adapters.sql.bulk import TextArray

TEXTS = (TextArray, ARRAY(String))
NUMBERS = (TextArray, ARRAY(BigInteger))
TIMES = (TextArray, ARRAY(DateTime(timezone=True)))
DOCUMENT = (Text, JSON)


def calling(name: str, gives: Sequence[Column[Any]], **takes: Any) -> Select[Any]:
    """All rows of the function, whose parameters are taken by their order: by name what is given, and what PostgreSQL is to take it for."""
    called = getattr(func, name)(*(cast(bindparam(parameter, type_=given), kind) for parameter, (given, kind) in takes.items()))
    return select(*called.table_valued(*gives).c)
