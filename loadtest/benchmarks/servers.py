"""The servers of a benchmark, each in processes of its own that end with this one: imcore, the reference, a bare echo, the databases."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

import psycopg
import redis

from loadtest.benchmarks.checkout import ROOT, Checkout
from tests.servers import PostgresServer, Server, ValkeyServer, empty_postgres_database
from tests.servers.imcore import ApiProcess, WorkerProcess
from tests.servers.process import family, spawn
from tests.servers.server import Binary, ServerFailedError

MAX_CONNECTIONS = 350
BASELINE = ROOT / "loadtest" / "baseline"
BASELINE_CHILDREN = 100
CONCURRENCY = 1000
"""What `imcore worker` takes if it is not told."""

Env = Mapping[str, str]


class NotDurableError(Exception):
    """The database does not wait for its disk: nothing measured on it would count."""


class DurablePostgres(PostgresServer):
    """PostgreSQL as it comes, with room for the reference's connections; a commit has reached the disk when it is answered."""

    def _command(self) -> list[str | Path]:
        return [*super()._command(), f"--max_connections={MAX_CONNECTIONS}", "--fsync=on", "--synchronous_commit=on"]

    def start(self) -> Self:
        super().start()
        with psycopg.connect(self.url) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                if row != ("on",):
                    raise NotDurableError(f"{name} is {row}")
        return self


class OurProcess(Server):
    """A program of ours or of the reference that listens on `port`."""

    def __init__(self, env: Env | None = None) -> None:
        super().__init__()
        self._env = env

    @classmethod
    def find_binary(cls) -> Binary:
        return Binary(Path(sys.executable), "checkout")

    @classmethod
    def identify(cls, url: str) -> tuple[str, str]:
        address = urlsplit(url)
        try:
            with socket.create_connection((address.hostname, address.port or 80), timeout=5):
                return cls.__name__, "checkout"
        except OSError as error:
            raise ConnectionError(str(error)) from error

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _prepare(self) -> None:
        """It needs nothing."""

    def start(self) -> Self:
        self._process = spawn(self._command(), log=self._log, death_signal=self.death_signal, env=self._env)
        self._wait_for_answer()
        return self


class EchoServer(OurProcess):
    """The bare ASGI application that answers every POST with its body, under uvicorn."""

    def _command(self) -> list[str | Path]:
        uvicorn = ["--port", str(self.port), "--no-access-log", "--log-level", "warning", "--lifespan", "off"]
        return [self.binary.path, "-m", "uvicorn", "--app-dir", ROOT, "loadtest.benchmarks.echo:app", *uvicorn]


class BaselineApi(OurProcess):
    """The reference's API."""

    def _command(self) -> list[str | Path]:
        return [self.binary.path, "-m", "uvicorn", "--app-dir", BASELINE, "api:app", "--port", str(self.port), "--no-access-log"]


class BaselineWorker(OurProcess):
    """The reference's Celery worker. It listens nowhere: it is ready once all its children are there and one connection waits for tasks."""

    start_timeout_s: ClassVar[float] = 90.0
    stop_timeout_s: ClassVar[float] = 5.0  # it would wait for its tasks

    def _command(self) -> list[str | Path]:
        return [self.binary.path, "-m", "celery", "-A", "worker", "--workdir", BASELINE, "worker", "-c", str(BASELINE_CHILDREN)]

    def _answers(self) -> bool:
        if len(family(self.pid)) <= BASELINE_CHILDREN or self._env is None:
            return False
        with redis.Redis.from_url(self._env["NAIVE_REDIS"]) as client:
            return any(connection["cmd"] == "brpop" for connection in client.client_list())


class Api(ApiProcess):
    """`imcore serve`, of any commit."""

    start_timeout_s: ClassVar[float] = 90.0  # the machine may be busy

    def __init__(self, code: Checkout, settings: Mapping[str, object], *more_arguments: str) -> None:
        super().__init__(settings, *more_arguments, program=code.command())
        self._env |= {"PYTHONPATH": code.env()["PYTHONPATH"]}


class Worker(WorkerProcess):
    """`imcore worker`, of any commit."""

    start_timeout_s: ClassVar[float] = 90.0  # the same

    def __init__(self, code: Checkout, settings: Mapping[str, object], *more_arguments: str) -> None:
        super().__init__(settings, *more_arguments, program=code.command())
        self._env |= {"PYTHONPATH": code.env()["PYTHONPATH"]}


@dataclass(frozen=True, slots=True)
class Backing:
    """A database, empty, and a Redis."""

    postgres: Server
    redis: Server
    database_url: str

    @property
    def pids(self) -> dict[str, int]:
        return {"postgres": self.postgres.pid, "redis": self.redis.pid}


@contextmanager
def backing() -> Iterator[Backing]:
    """Both new, gone at the end."""
    with ExitStack() as stack:
        postgres = stack.enter_context(DurablePostgres())
        url = stack.enter_context(empty_postgres_database(postgres.url))
        yield Backing(postgres, stack.enter_context(ValkeyServer()), url)


UNLIMITED = {"RATE_LIMIT": "off", "MAX_PENDING_REPLIES_PER_USER": 0, "MAX_QUEUE_DEPTH": 100_000_000, "LOG_LEVEL": "WARNING"}


@dataclass(frozen=True, slots=True)
class Service:
    """A service under load: where its API listens, the processes that count, and where the first worker tells its metrics."""

    port: int
    pids: Mapping[str, int]
    metrics_port: int = 0


@contextmanager
def imcore(
    code: Checkout,
    *,
    workers: int = 1,
    settings: Mapping[str, object] | None = None,
    concurrency: int = CONCURRENCY,
    api_processes: int = 1,
) -> Iterator[Service]:
    """API processes behind one port and `workers` worker processes of this commit, `concurrency` replies each, on new servers."""
    with backing() as on, ExitStack() as stack:
        chosen = {"DATABASE_URL": on.database_url, "REDIS_URL": on.redis.url, **UNLIMITED, **(settings or {})}
        api = Api(code, chosen, *(("--workers", str(api_processes)) if api_processes > 1 else ()))
        stack.callback(api.close)
        migrated = api.run("migrate")
        if migrated.returncode:
            raise ServerFailedError(f"imcore migrate: {migrated.stderr}")
        api.start()
        started = [stack.enter_context(Worker(code, chosen, "--concurrency", str(concurrency))) for _ in range(workers)]
        pids = {"api": api.pid, **{f"worker{number}": worker.pid for number, worker in enumerate(started)}, **on.pids}
        yield Service(api.port, pids, started[0].port if started else 0)


@contextmanager
def baseline(*, worker: bool) -> Iterator[Service]:
    """The reference on a new PostgreSQL and Redis."""
    with backing() as on, ExitStack() as stack:
        database = on.database_url.partition("://")[2]
        env = {**Checkout(ROOT, "").env(), "NAIVE_DB": database, "NAIVE_REDIS": on.redis.url}
        api = stack.enter_context(BaselineApi(env))
        pids = {"api": api.pid}
        if worker:
            pids["worker"] = stack.enter_context(BaselineWorker(env)).pid
        yield Service(api.port, {**pids, **on.pids})
