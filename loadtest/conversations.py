"""Users in conversation with a distributed installation: two API processes, two workers, one database, one Redis, all started here.

    .venv/bin/python -m loadtest.conversations --users 200 --messages 5 [--database mariadb]

Each user sends a message over a WebSocket, waits for the whole reply, sends the next. Prints what was accepted, replied, lost, doubled, out
of order, and the times. The demo model writes about 50 tokens at 40 a second. Client and servers share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from adapters.sql.migrations_runner import migrate
from entrypoints.identity import Tokens
from tests.chat_client import ChatClient
from tests.servers import MariaDBServer, PostgresServer, ValkeyServer, empty_mysql_database, empty_postgres_database
from tests.servers.imcore import SECRET, ApiProcess, WorkerProcess
from tests.servers.process import family


@contextmanager
def installation(database: str, apis: int, workers: int, settings: dict[str, object]) -> Iterator[tuple[list[str], dict[str, int]]]:
    """The URLs of the API processes, and the main process id of every part."""
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer() if database == "postgresql" else MariaDBServer())
        empty = empty_postgres_database if database == "postgresql" else empty_mysql_database
        url = stack.enter_context(empty(server.url))
        redis = stack.enter_context(ValkeyServer())
        migrate(url)
        settings = {"DATABASE_URL": url, "REDIS_URL": redis.url, "RATE_LIMIT": "off", "LOG_LEVEL": "WARNING", **settings}
        parts = [ApiProcess(settings) for _ in range(apis)] + [WorkerProcess(settings) for _ in range(workers)]
        for part in parts:
            stack.enter_context(part)
        pids = {database: server.pid, "redis": redis.pid}
        pids |= {f"{type(part).__name__} {number}": part.pid for number, part in enumerate(parts)}
        yield [part.url for part in parts[:apis]], pids


async def converse(client: ChatClient, messages: int) -> None:
    """One user: one message after the other, each once the last reply is whole."""
    async with client.connected():
        for number in range(messages):
            record_id = await client.send(f"message {number} " + "x" * 100)
            await client.ended(record_id)


def summary(clients: Sequence[ChatClient], seconds: float) -> dict[str, object]:
    """Counts, and times in milliseconds as [p50, p99]."""
    accept, first = [], []
    for client in clients:
        for message_id, record_id in client.accepted.items():
            sent = client.sent_at[message_id]
            accept.append(client.accepted_at[message_id] - sent)
            first.append(client.shown[record_id].first_at - sent)
    in_order = sum(client.completed == list(client.accepted.values()) for client in clients)
    return {
        "accepted": sum(len(client.accepted) for client in clients),
        "replied once": sum(len(shown.ends) == 1 for client in clients for shown in client.shown.values()),
        "users in order": in_order,
        "rejected": sum(len(client.rejected) for client in clients),
        "violations": [violation for client in clients for violation in client.violations],
        "accept_ms": _p50_p99(accept),
        "first_token_ms": _p50_p99(first),
        "seconds": round(seconds, 1),
    }


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """User and system time so far, by part."""
    return {name: sum(sum(process.cpu_times()[:2]) for process in family(pid)) for name, pid in pids.items()}


def pss_mib(pid: int) -> int:
    """Memory of a process and all it started, what they share counted once."""
    return int(sum(process.memory_full_info().pss for process in family(pid)) / 2**20)


async def run(urls: Sequence[str], users: int, messages: int) -> dict[str, object]:
    tokens = Tokens(secret=SECRET)
    clients = [ChatClient([urls[number % len(urls)]], f"user{number}", tokens.issue(f"user{number}")) for number in range(users)]
    begun = time.monotonic()
    await asyncio.gather(*(converse(client, messages) for client in clients))
    return summary(clients, time.monotonic() - begun)


def _p50_p99(seconds: Sequence[float]) -> list[float]:
    cuts = statistics.quantiles(seconds, n=100)
    return [round(cuts[49] * 1000, 1), round(cuts[98] * 1000, 1)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--users", type=int, default=200)
    options.add_argument("--messages", type=int, default=5)
    options.add_argument("--database", choices=["postgresql", "mariadb"], default="postgresql")
    options.add_argument("--apis", type=int, default=2)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting, without IM_; may be repeated")
    asked = options.parse_args()
    with installation(asked.database, asked.apis, asked.workers, dict(pair.split("=", 1) for pair in asked.set)) as (urls, pids):
        before = cpu_seconds(pids)
        result = asyncio.run(run(urls, asked.users, asked.messages))
        after = cpu_seconds(pids)
        result["cpu_s"] = {name: round(after[name] - before[name], 1) for name in pids}
        result["pss_mib"] = {name: pss_mib(pid) for name, pid in pids.items()}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
