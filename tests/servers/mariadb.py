"""MariaDB; a MySQL can be named by its URL."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import asyncmy

from tests.servers.binaries import find
from tests.servers.server import Binary, Server

MAX_CONNECTIONS: Final = 200


class MariaDBServer(Server):
    """`kill` leaves the data as a crash would."""

    @classmethod
    def find_binary(cls) -> Binary:
        return find(package=None, inside="", names=["mariadbd"], folders=[Path("/usr/sbin"), Path("/usr/libexec")])

    @classmethod
    def identify(cls, url: str) -> tuple[str, str]:
        """From the server's greeting: 4 bytes of packet header, 1 of protocol, then the version up to a zero byte."""
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port or 3306), timeout=5) as connection:
            greeting = connection.recv(256)
        if len(greeting) < 6 or greeting[4] != 10:
            raise ConnectionRefusedError(f"no greeting but {greeting!r}")
        text = greeting[5 : greeting.index(0, 5)].decode().removeprefix("5.5.5-")  # put before it by MariaDB up to 10
        return "mariadb" if "MariaDB" in text else "mysql", re.split("[-+]", text)[0]

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/mysql"

    @property
    def _common(self) -> list[str]:
        """`--no-defaults` has to come first: no configuration of the machine shall count."""
        return ["--no-defaults", f"--datadir={self.folder / 'data'}", *(["--user=root"] if os.geteuid() == 0 else [])]

    def _prepare(self) -> None:
        self._run(["mariadb-install-db", *self._common, "--auth-root-authentication-method=normal", "--skip-test-db"])

    def _command(self) -> list[str | Path]:
        listen = ["--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.folder / 'socket'}", "--skip-name-resolve"]
        # the character set that distributions' packages and MySQL 8 come with
        return [self.binary.path, *self._common, *listen, f"--max-connections={MAX_CONNECTIONS}", "--character-set-server=utf8mb4"]


@contextmanager
def empty_mysql_database(server_url: str) -> Iterator[str]:
    """The URL of a new database on that server, dropped at the end."""
    name = f"im_test_{uuid.uuid4().hex}"
    _execute(server_url, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        _execute(server_url, f"DROP DATABASE IF EXISTS {name}")


def _execute(url: str, statement: str) -> None:
    """Run it in a thread with a loop of its own: the caller may be inside a loop already."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, _execute_async(url, statement)).result()


async def _execute_async(url: str, statement: str) -> None:
    address = urlsplit(url)
    connection = await asyncmy.connect(
        host=address.hostname, port=address.port or 3306, user=address.username, password=unquote(address.password or "")
    )
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
    finally:
        await connection.ensure_closed()
