"""ejabberd as Debian packages it, with its message archive in a PostgreSQL of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import psycopg

from loadtest.benchmarks.clients.ejabberd import HOST, PASSWORD
from loadtest.benchmarks.servers import DurablePostgres, OurProcess, Service
from tests.servers import NoServerError, empty_postgres_database
from tests.servers.server import Binary

_ERL = Path("/usr/bin/erl")
_SCHEMA = Path("/usr/share/ejabberd/sql/pg.sql")
_USERS = "INSERT INTO users (username, password) SELECT 'user' || number, %s FROM generate_series(0, %s) AS number"


def _library() -> Path:
    """Where ejabberd's code is. Raises `NoServerError` if it is not installed, or cannot speak to PostgreSQL."""
    found = sorted(Path("/usr/lib").glob("*/ejabberd-*/ebin"))
    drivers = Path("/usr/lib").glob("erlang/lib/p1_pgsql-*/ebin")
    if not (found and any(drivers) and _ERL.exists() and _SCHEMA.exists()):
        raise NoServerError("not installed: ejabberd and its driver (on Debian: apt-get install ejabberd erlang-p1-pgsql)")
    return found[-1]


class Ejabberd(OurProcess):
    """Plain XMPP on loopback. It is no node of a cluster, so it needs neither a cookie nor a port mapper; no limits, no TLS."""

    start_timeout_s: ClassVar[float] = 90.0  # the machine may be busy

    def __init__(self, database_url: str) -> None:
        super().__init__()
        config = self.folder / "ejabberd.yml"
        config.write_text(json.dumps(_config(self.port, database_url)))  # which is YAML, too
        ours = {"EJABBERD_CONFIG_PATH": config, "EJABBERD_LOG_PATH": self.folder / "ejabberd.log", "HOME": self.folder}
        self._env = {**os.environ, **{name: str(path) for name, path in ours.items()}, "ERL_LIBS": str(_library().parents[1])}

    @classmethod
    def find_binary(cls) -> Binary:
        _library()
        return Binary(_ERL, "machine")

    def _command(self) -> list[str | Path]:
        # Erlang's schedulers would spin for a while before they sleep, and that counts as CPU: without it ejabberd does better here.
        no_spinning = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]
        return [self.binary.path, *no_spinning, "-noinput", "-mnesia", "dir", f'"{self.folder / "mnesia"}"', "-s", "ejabberd"]


@dataclass(frozen=True, slots=True)
class ArchivingService(Service):
    """`archive_url` is the database with the messages."""

    archive_url: str = ""


@contextmanager
def ejabberd(users: int) -> Iterator[ArchivingService]:
    """One ejabberd on a new PostgreSQL, with as many users. Every message goes to the archives of both its sender and its receiver."""
    with DurablePostgres() as postgres, empty_postgres_database(postgres.url) as url:
        with psycopg.connect(url) as connection:
            connection.execute(_SCHEMA.read_bytes())
            connection.execute(_USERS, [PASSWORD, users - 1])
        with Ejabberd(url) as server:
            yield ArchivingService(server.port, {"ejabberd": server.pid, "postgres": postgres.pid}, archive_url=url)


def _config(port: int, database_url: str) -> dict[str, object]:
    """Nothing but chat and its archive is loaded: each further module could only slow it down."""
    database = urlsplit(database_url)
    return {
        "hosts": [HOST],
        "loglevel": "warning",
        "acme": {"auto": False},
        "listen": [{"module": "ejabberd_c2s", "ip": "127.0.0.1", "port": port, "backlog": 1000}],
        "auth_method": "sql",
        "default_db": "sql",
        "sql_type": "pgsql",
        "sql_server": database.hostname,
        "sql_port": database.port,
        "sql_username": database.username,
        "sql_database": database.path.removeprefix("/"),
        "modules": {"mod_mam": {"default": "always"}},
    }
