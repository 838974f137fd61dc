"""One load, at the command of the process that started it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import uvloop

from loadtest.benchmarks.clients.conversations import Conversations
from loadtest.benchmarks.clients.ejabberd import EjabberdSends
from loadtest.benchmarks.clients.idle import IdleSockets
from loadtest.benchmarks.clients.langgraph import LanggraphConversations
from loadtest.benchmarks.clients.load import Load
from loadtest.benchmarks.clients.open_loop import OpenLoop
from loadtest.benchmarks.clients.sends import HttpSends, WebSocketSends
from loadtest.benchmarks.clients.tally import Tally
from loadtest.benchmarks.clients.unnest import UnnestInserts

KINDS: dict[str, type[Load]] = {
    "http-sends": HttpSends,
    "ws-sends": WebSocketSends,
    "ejabberd-sends": EjabberdSends,
    "open-loop": OpenLoop,
    "conversations": Conversations,
    "langgraph-conversations": LanggraphConversations,
    "idle": IdleSockets,
    "unnest": UnnestInserts,
}


async def obey(kind: str, options: dict[str, Any]) -> None:
    tally = Tally()
    load = KINDS[kind](tally, **options)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    try:
        await load.connect()
        print("ready", flush=True)
        while command := (await commands.readline()).decode().strip():
            match command:
                case "start":
                    load.start()
                case "mark":
                    tally.mark()
                case "end":
                    tally.end()
                    load.stop()
                    await load.drained()
                    print(json.dumps(tally.result()), flush=True)
    finally:
        load.close()


if __name__ == "__main__":
    uvloop.run(obey(sys.argv[1], json.loads(sys.argv[2])))
