"""The lean client over TLS, on the event loops that a worker may have: it gets the whole reply, and leaves at once."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from adapters.llm import aiohttp_transport, lean_chat_openai
from adapters.llm.openai_compatible import OpenAICompatibleLLMClient
from tests.stand_ins.certificates import tls_of_both_sides
from tests.stand_ins.http_script import CLOSE, DONE, END, STREAM, Step, chunked, frame, serving
from tests.stand_ins.prompts import says

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
WORDS = [f"{number} " for number in range(20)]


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's; clients trust it."""
    server, client = tls_of_both_sides(tmp_path)
    monkeypatch.setattr(aiohttp_transport, "_trusted", lambda: client)
    return server


@asynccontextmanager
async def client_of(base_url: str) -> AsyncIterator[OpenAICompatibleLLMClient]:
    client = OpenAICompatibleLLMClient("echo", base_url=base_url, max_retries=0)
    try:
        yield client
    finally:
        await client.close()


@pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
def test_a_server_that_closes_right_after_the_reply_loses_nothing_of_it(
    new_loop: Callable[[], asyncio.AbstractEventLoop], tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean_chat_openai, "until_tick", lambda *_: 0.2)  # all the rest comes within one window
    rest: list[Step] = [chunked(frame(word)) for word in WORDS]
    script = [STREAM + chunked(frame("first ")), 0.02, *rest, chunked(frame(finish_reason="stop") + DONE), END, CLOSE]

    async def read() -> str:
        async with serving(script, tls=tls) as base_url, client_of(base_url) as client:
            return "".join([chunk.text async for chunk in client.stream(says("Hello"))])

    assert run(new_loop, read()) == "first " + "".join(WORDS)


@pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
def test_a_server_hears_at_once_that_its_reader_has_left(new_loop: Callable[[], asyncio.AbstractEventLoop], tls: ssl.SSLContext) -> None:
    async def leave(port: int) -> None:
        async with client_of(f"https://127.0.0.1:{port}/v1") as client, aclosing(client.stream(says("Hello"))) as chunks:
            await anext(chunks)

    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=write_on, args=(listener, tls, gone))
        server.start()
        run(new_loop, leave(listener.getsockname()[1]))
        assert gone.wait(5)
        server.join()


def write_on(listener: socket.socket, tls: ssl.SSLContext, gone: threading.Event) -> None:
    """Answer one request with words, for half a minute, until nobody takes them; what comes from the client is not looked at."""
    connection, _ = listener.accept()
    with tls.wrap_socket(connection, server_side=True) as client:
        client.recv(65536)
        try:
            client.sendall(STREAM)
            for _ in range(3000):
                client.sendall(chunked(frame("word ")))
                time.sleep(0.01)  # as a model does
        except OSError:
            gone.set()


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], work: Any) -> Any:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work)
