"""An installation to be harmed: servers and imcore processes of our own, each on its port for as long as it lives."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.sql.migrations_runner import migrate
from entrypoints.identity import Tokens
from tests.servers import MariaDBServer, PostgresServer, Server, ValkeyServer, empty_mysql_database, empty_postgres_database
from tests.servers.imcore import COMMAND, SECRET, ApiProcess, ImcoreProcess, WorkerProcess
from tests.servers.model import ModelServer

CHAIN = "tests.stand_ins.steady_words:chain"
GENEROUS: Mapping[str, object] = {
    "RATE_LIMIT": "off",
    "MAX_PENDING_REPLIES_PER_USER": 10_000,
    "MAX_QUEUE_DEPTH": 100_000,
    "LOG_LEVEL": "WARNING",
    "GUEST_ACCESS": "false",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start. `model` runs the stand-in over HTTP; without it the workers write the words themselves."""

    database: str = "postgresql"
    model: bool = False
    plant: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def embedded(self) -> bool:
        return self.database == "sqlite"

    @property
    def program(self) -> Sequence[str | Path]:
        """What stands for the `imcore` command: with a planted bug, where one is asked for."""
        return (sys.executable, "-m", "tests.faults.planted", self.plant) if self.plant else (COMMAND,)


@dataclass(frozen=True)
class Installation:
    """`database` and `redis` are None in embedded mode, `model` without a stand-in over HTTP."""

    plan: Plan
    database: Server | None
    database_url: str
    redis: ValkeyServer | None
    model: ModelServer | None
    apis: Sequence[ApiProcess]
    workers: Sequence[WorkerProcess]

    @property
    def urls(self) -> list[str]:
        return [api.url for api in self.apis]

    @property
    def processes(self) -> list[ImcoreProcess]:
        return [*self.apis, *self.workers]

    def token(self, user_id: str) -> str:
        return Tokens(secret=SECRET).issue(user_id)

    async def mend(self) -> None:
        """Start what a fault has left dead."""
        await each(process.start for process in self.processes if not process.is_running)

    async def audit(self) -> dict[str, int]:
        """What `imcore audit` counts, of all that there is."""
        done = await asyncio.to_thread(self.apis[0].run, "audit", "--older-than", "0", "--json")
        counts: dict[str, int] = json.loads(done.stdout)
        return counts


@asynccontextmanager
async def started(plan: Plan) -> AsyncIterator[Installation]:
    """All of it runs when this is entered, and all has ended when it is left, however it is left."""
    async with AsyncExitStack() as stack:

        async def enter(context: Any) -> Any:
            thing = await asyncio.to_thread(context.__enter__)
            stack.push_async_callback(asyncio.to_thread, context.__exit__, None, None, None)
            return thing

        installation = await _servers(plan, enter)
        for process in installation.processes:
            stack.push_async_callback(asyncio.to_thread, process.close)
        await each(process.start for process in installation.processes)
        yield installation


async def each(steps: Any) -> None:
    """Blocking steps side by side, each in a thread."""
    await asyncio.gather(*(asyncio.to_thread(step) for step in steps))


async def _servers(plan: Plan, enter: Callable[[Any], Any]) -> Installation:
    model: ModelServer | None = await enter(ModelServer()) if plan.model else None
    llm = {"LLM_MODEL": "echo", "LLM_BASE_URL": model.url, "LLM_API_KEY": "none"} if model else {"LLM": CHAIN}
    settings = {**GENEROUS, **llm, **plan.settings}
    if plan.embedded:
        return Installation(plan, None, "", None, model, [ApiProcess(settings, program=plan.program)], [])
    server, url = await enter(_database(plan.database))
    redis = await enter(ValkeyServer())
    settings |= {"DATABASE_URL": url, "REDIS_URL": redis.url}
    apis = [ApiProcess(settings, program=plan.program) for _ in range(2)]
    workers = [WorkerProcess(settings, program=plan.program) for _ in range(2)]
    return Installation(plan, server, url, redis, model, apis, workers)


@contextmanager
def _database(kind: str) -> Any:
    """The server, and the URL of a migrated database on it."""
    with ExitStack() as stack:
        server: Server = stack.enter_context(PostgresServer() if kind == "postgresql" else MariaDBServer())
        empty = empty_postgres_database if kind == "postgresql" else empty_mysql_database
        url = stack.enter_context(empty(server.url))
        migrate(url)
        try:
            yield server, url
        finally:
            if not server.is_running:
                server.start()  # the database is dropped on it
