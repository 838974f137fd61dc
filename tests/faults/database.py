"""Faults of the database: sends are refused for a while, replies that are written wait to be stored."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote, urlsplit

import asyncmy
import psycopg

from tests.faults.fault import Fault
from tests.faults.scene import Scene, blocking
from tests.servers import PostgresServer, Server

TIMES_CUT = 3


async def restart(scene: Scene) -> None:
    """Stopped in good order and started again."""
    scene.breaks("restarting the database")
    await blocking(_server(scene).restart)
    scene.is_back("the database is back")


async def kill(scene: Scene) -> None:
    """`kill -9`, as when the machine loses power; it recovers from its log."""
    server = _server(scene)
    await blocking(server.kill)
    scene.breaks("killed the database")
    await blocking(server.start)
    scene.is_back("the database is back")


async def cut_connections(scene: Scene) -> None:
    """Every connection is ended by the server, three times within a second."""
    server = _server(scene)
    cut = _cut_postgres if isinstance(server, PostgresServer) else _cut_mysql
    for _ in range(TIMES_CUT):
        scene.breaks(f"{await cut(server.url)} connections cut")
        await asyncio.sleep(scene.random.uniform(0.1, 0.4))


async def _cut_postgres(url: str) -> int:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        found = await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return len(await found.fetchall())


async def _cut_mysql(url: str) -> int:
    address = urlsplit(url)
    connection = await asyncmy.connect(
        host=address.hostname, port=address.port or 3306, user=address.username, password=unquote(address.password or "")
    )
    try:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root'")
            ids = [row[0] for row in await cursor.fetchall()]
            for number in ids:
                await _kill_mysql(cursor, number)
        return len(ids)
    finally:
        await connection.ensure_closed()


async def _kill_mysql(cursor: asyncmy.cursors.Cursor, number: int) -> None:
    try:
        await cursor.execute(f"KILL CONNECTION {int(number)}")
    except asyncmy.errors.OperationalError:
        return  # it has left by itself


def _server(scene: Scene) -> Server:
    server = scene.installation.database
    assert server is not None, "embedded mode has no database server to be harmed"
    return server


FAULTS = (
    Fault("database-restarted", "the database stopped in good order and started again", restart),
    Fault("database-killed", "kill -9 of the database", kill),
    Fault("database-connections-cut", "all connections ended by the database, three times", cut_connections),
)
