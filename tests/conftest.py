"""Fixtures for all tests: real servers, started when the first test asks for one, and an empty database for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from tests.servers import (
    AnyServer,
    GivenServer,
    MariaDBServer,
    NoServerError,
    PostgresServer,
    Server,
    StartServer,
    ValkeyServer,
    empty_mysql_database,
    empty_postgres_database,
)

pytest.register_assert_rewrite("tests.contracts")

_SERVICES: dict[type[Server], str] = {PostgresServer: "postgresql", ValkeyServer: "valkey", MariaDBServer: "mariadb"}
_used = pytest.StashKey[dict[type[Server], AnyServer]]()


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("LANGSMITH_TRACING", None)  # no test sends its content out
    config.stash[_used] = {}


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The very last line of a run says what it ran on, so that no skipped service goes unnoticed."""
    used = config.stash[_used]
    config.get_terminal_writer().line("services: " + " · ".join(_describe(name, used.get(kind)) for kind, name in _SERVICES.items()))


def _describe(service: str, server: AnyServer | None) -> str:
    return f"{server.name} {server.version} ({server.source})" if server else f"{service} NOT RUN"


@pytest.fixture(scope="session")
def start_server(pytestconfig: pytest.Config) -> Iterator[StartServer]:
    """Starts a server that the caller may harm, closed at the end of the session if not before: `start_server(PostgresServer)`."""
    with ExitStack() as servers:

        def start(kind: type[Server]) -> Server:
            try:
                server = servers.enter_context(kind())
            except NoServerError as error:
                _skip_or_fail(kind, error)
            pytestconfig.stash[_used].setdefault(kind, server)
            return server

        yield start


def _skip_or_fail(kind: type[Server], error: NoServerError) -> NoReturn:
    if kind is MariaDBServer and os.environ.get("IM_TEST_REQUIRE_MYSQL") != "1":
        pytest.skip(f"{error}: install it (Debian: mariadb-server-core, mariadb-client-core) or set IM_TEST_MYSQL_URL")
    raise error


def _shared(request: pytest.FixtureRequest, kind: type[Server], variable: str) -> AnyServer:
    """The server that the environment names, else one of our own."""
    url = os.environ.get(variable)
    if not url:
        start: StartServer = request.getfixturevalue("start_server")
        return start(kind)
    server = GivenServer.at(url, variable=variable, kind=kind)
    request.config.stash[_used][kind] = server
    return server


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> AnyServer:
    """The PostgreSQL that all tests share: to harm one, use `start_server(PostgresServer)`."""
    return _shared(request, PostgresServer, "IM_TEST_POSTGRES_URL")


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> AnyServer:
    """The Valkey or Redis that all tests share: to harm one, use `start_server(ValkeyServer)`."""
    return _shared(request, ValkeyServer, "IM_TEST_REDIS_URL")


@pytest.fixture(scope="session")
def mysql_server(request: pytest.FixtureRequest) -> AnyServer:
    """The MariaDB or MySQL that all tests share. Where there is none they are skipped, with IM_TEST_REQUIRE_MYSQL=1 they fail."""
    return _shared(request, MariaDBServer, "IM_TEST_MYSQL_URL")


@pytest.fixture
def postgres_url(postgres_server: AnyServer) -> Iterator[str]:
    """`postgresql://postgres@127.0.0.1:port/name` of an empty database."""
    with empty_postgres_database(postgres_server.url) as url:
        yield url


@pytest.fixture
def mysql_url(mysql_server: AnyServer) -> Iterator[str]:
    """`mysql://root@127.0.0.1:port/name` of an empty database."""
    with empty_mysql_database(mysql_server.url) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """`sqlite:////tmp/…/im.db`, a file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'im.db'}"


@pytest.fixture
def redis_url(redis_server: AnyServer) -> str:
    """`redis://127.0.0.1:port/0`, an empty database."""
    import redis  # noqa: PLC0415  (only the tests that need it pay for it)

    with redis.Redis.from_url(redis_server.url) as client:
        client.flushdb()
    return redis_server.url
