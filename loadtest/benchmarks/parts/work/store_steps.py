"""The steps of the store that each reply takes, some at a time: server CPU and client CPU of each. Prints JSON.

python -m loadtest.benchmarks.parts.work.store_steps --database-url … --server-pid … --at-once 10 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import psutil
import uvloop

from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from imcore.chat_record import ChatRecord
from imcore.ports import RunningReply
from loadtest.benchmarks.parts.work.conversation import PROMPT_MESSAGES, TEXT, a_reply, a_send, lease_of
from loadtest.growth.measure import Cost

STEPS = ("send", "claim", "renew", "finish")
SESSIONS = 50
"""Each turn of them is one sample, whatever the size of a batch."""
HISTORY_TURNS = PROMPT_MESSAGES // 2
"""Not counted: then every window is full."""
LEASE_S = 60.0

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class StepLostError(Exception):
    """A step did not do what it was to do."""


async def turn(store: SqlAlchemyMessageStore, costs: dict[str, Cost], at_once: int) -> None:
    """A message and its reply in each session."""
    users = [f"user{number}" for number in range(SESSIONS)]

    async def claim(user_id: str) -> ChatRecord:
        claimed = await store.claim(user_id, lease_s=LEASE_S, history_messages=PROMPT_MESSAGES)
        if claimed is None:
            raise StepLostError(f"there was nothing to claim for {user_id}")
        return claimed.record

    with costs["send"].watch(SESSIONS):
        await in_batches(users, at_once, lambda user_id: store.add(*a_send(user_id)))
    with costs["claim"].watch(SESSIONS):
        claimed = await in_batches(users, at_once, claim)
    with costs["renew"].watch(SESSIONS):
        for batch in batches([RunningReply(lease_of(record), TEXT) for record in claimed], at_once):
            if len((await store.renew(batch, lease_s=LEASE_S)).held) < len(batch):  # a worker renews all its replies with one call
                raise StepLostError("a lease was lost")
    with costs["finish"].watch(SESSIONS):
        await in_batches([a_reply(record) for record in claimed], at_once, store.finish)


async def in_batches(items: Sequence[Item], at_once: int, step: Callable[[Item], Awaitable[Answer]]) -> list[Answer]:
    """The step for each, so many of them at the same time."""
    return [answer for batch in batches(items, at_once) for answer in await asyncio.gather(*map(step, batch))]


def batches(items: Sequence[Item], at_once: int) -> list[Sequence[Item]]:
    return [items[begin : begin + at_once] for begin in range(0, len(items), at_once)]


async def measure(database_url: str, server: psutil.Process, at_once: int, seconds: float) -> dict[str, dict[str, float]]:
    """Figures by step."""
    async with SqlAlchemyMessageStore(open_engines(database_url, application_name="imcore-benchmark")) as store:
        for _ in range(HISTORY_TURNS):
            await turn(store, {step: Cost(None) for step in STEPS}, SESSIONS)
        await turn(store, {step: Cost(None) for step in STEPS}, at_once)
        costs = {step: Cost(server) for step in STEPS}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await turn(store, costs, at_once)
    return {step: cost.figures() for step, cost in costs.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--database-url", required=True)
    options.add_argument("--server-pid", type=int, required=True)
    options.add_argument("--at-once", type=int, required=True, help=f"a divisor of {SESSIONS}")
    options.add_argument("--seconds", type=float, required=True)
    asked = options.parse_args()
    print(json.dumps(uvloop.run(measure(asked.database_url, psutil.Process(asked.server_pid), asked.at_once, asked.seconds))))


if __name__ == "__main__":
    main()
