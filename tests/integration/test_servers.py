"""The launchers keep their word: other tests build on restarts, kills and pauses being what they say."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncmy
import psutil
import psycopg
import pytest
import redis

from tests.servers import (
    AnyServer,
    MariaDBServer,
    PostgresServer,
    Server,
    ServerFailedError,
    StartServer,
    ValkeyServer,
    empty_mysql_database,
    empty_postgres_database,
)
from tests.servers.process import family, wait_until_gone

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=[PostgresServer, ValkeyServer, MariaDBServer])
def own_server(request: pytest.FixtureRequest, start_server: StartServer) -> Iterator[Server]:
    server = start_server(request.param)
    yield server
    server.close()


@pytest.fixture
def server(own_server: Server) -> Server:
    """A server that runs, whatever the test before did to it."""
    return own_server if own_server.is_running else own_server.start()


def test_a_started_server_says_its_name_and_version(server: Server) -> None:
    assert server.name in {"postgresql", "valkey", "redis", "mariadb"}
    assert server.version[0].isdigit()
    assert server.identify(server.url) == (server.name, server.version)


def test_a_restart_keeps_the_port_and_changes_the_process(server: Server) -> None:
    url, pid = server.url, server.pid

    server.restart()

    assert server.url == url
    assert server.pid != pid
    assert server.identify(url)


def test_a_killed_server_leaves_no_process_and_can_start_again(server: Server) -> None:
    processes = family(server.pid)

    server.kill()

    assert wait_until_gone(processes, timeout_s=0)
    with pytest.raises(ConnectionError):
        server.identify(server.url)
    with pytest.raises(ServerFailedError):
        _ = server.pid
    server.start()
    assert server.identify(server.url)


def test_a_paused_server_stands_still_and_goes_on_when_resumed(server: Server) -> None:
    server.pause()
    states = [process.status() for process in family(server.pid)]
    server.resume()

    assert states[0] == psutil.STATUS_STOPPED
    assert {*states} <= {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}  # what ended just then waits to be reaped by one that stands still
    assert server.identify(server.url)


def test_a_closed_server_leaves_nothing_behind(server: Server) -> None:
    with type(server)() as other:
        processes = family(other.pid)

    assert wait_until_gone(processes, timeout_s=0)
    assert not other.folder.exists()


def test_a_server_dies_when_the_process_that_started_it_is_killed(server: Server, tmp_path: Path) -> None:
    script = f"from tests.servers import {type(server).__name__} as S; s = S().start(); print(s.pid, flush=True); input()"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        processes = family(int(parent.stdout.readline()))
        assert processes

        parent.kill()

    assert wait_until_gone(processes, timeout_s=10)


def test_a_server_whose_port_is_taken_says_so(server: Server) -> None:
    second = type(server)()
    second.port = server.port
    try:
        with pytest.raises(ServerFailedError, match=r"(?i)address already in use"):
            second.start()
    finally:
        second.close()


def test_every_test_gets_an_empty_database_of_its_own(postgres_server: AnyServer) -> None:
    with empty_postgres_database(postgres_server.url) as first, empty_postgres_database(postgres_server.url) as second:
        with psycopg.connect(first) as connection:
            connection.execute("CREATE TABLE here (id int)")
        with psycopg.connect(second) as connection:
            assert connection.execute("SELECT to_regclass('here')").fetchone() == (None,)

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(first)


def test_a_redis_database_is_empty_at_the_start_of_a_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_a_mysql_database_is_dropped_after_its_test(mysql_server: AnyServer) -> None:
    with empty_mysql_database(mysql_server.url) as url:
        assert asyncio.run(_databases(mysql_server.url)) >= {urlsplit(url).path[1:]}

    assert urlsplit(url).path[1:] not in asyncio.run(_databases(mysql_server.url))


async def _databases(url: str) -> set[str]:
    address = urlsplit(url)
    connection = await asyncmy.connect(host=address.hostname, port=address.port, user=address.username)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute("SHOW DATABASES")
            return {name for (name,) in await cursor.fetchall()}
    finally:
        await connection.ensure_closed()
