"""Real servers for tests and benchmarks, without Docker: each on a free loopback port, gone with the process that started it.

    with PostgresServer() as server, empty_postgres_database(server.url) as url: ...

A server can be restarted on its port, killed (`kill -9`), paused (SIGSTOP) and resumed.
"""

from tests.servers.mariadb import MariaDBServer, empty_mysql_database
from tests.servers.postgres import PostgresServer, empty_postgres_database
from tests.servers.server import AnyServer, GivenServer, NoServerError, Server, ServerFailedError, StartServer
from tests.servers.valkey import ValkeyServer

__all__ = [
    "AnyServer",
    "GivenServer",
    "MariaDBServer",
    "NoServerError",
    "PostgresServer",
    "Server",
    "ServerFailedError",
    "StartServer",
    "ValkeyServer",
    "empty_mysql_database",
    "empty_postgres_database",
]
