"""The limit of the database: rows of 200 bytes, 20 a statement, each statement a transaction; nothing around it but the driver."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from loadtest.benchmarks.clients.load import Load
from loadtest.benchmarks.clients.tally import Tally

ROWS = 20
ROW_CHARS = 200

_TABLE = """
create table if not exists rows_of_200 (
    id bigint generated always as identity primary key, row_id varchar(64) not null unique, content text not null,
    created_at timestamptz not null default now())
"""
_INSERT = "insert into rows_of_200 (row_id, content) select * from unnest($1::varchar[], $2::text[]) returning id, row_id"


class UnnestInserts(Load):
    """`connections` at once, each a closed loop. This process counts as part of what is measured."""

    def __init__(self, tally: Tally, *, url: str, connections: int = 2) -> None:
        super().__init__(tally)
        self._url, self._count = url, connections
        self._connections: list[asyncpg.Connection] = []
        self._inserting: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        self._connections = [await asyncpg.connect(self._url) for _ in range(self._count)]
        await self._connections[0].execute(_TABLE)

    def start(self) -> None:
        self._inserting = [asyncio.create_task(self._insert(connection, name)) for name, connection in enumerate(self._connections)]

    async def drained(self) -> None:
        await asyncio.gather(*self._inserting)

    def close(self) -> None:
        for connection in self._connections:
            with contextlib.suppress(asyncpg.InterfaceError):
                connection.terminate()

    async def _insert(self, connection: asyncpg.Connection, name: int) -> None:
        number, text = 0, "x" * ROW_CHARS
        while not self.is_stopped:
            ids = [f"{name}-{number + row}" for row in range(ROWS)]
            number += ROWS
            returned = await connection.fetch(_INSERT, ids, [text] * ROWS)
            if len(returned) != ROWS:
                self.tally.fail(f"{len(returned)} rows returned")
            for _ in range(ROWS):
                self.tally.count("rows")
