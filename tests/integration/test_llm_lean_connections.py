"""Whoever leaves a lean client, and whenever: no connection stays behind, and no answer that is another request's."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import openai
import openai._base_client
import pytest

from tests.stand_ins.http_playing import playing, status
from tests.stand_ins.http_script import STREAM, Step, chunked, frame
from tests.stand_ins.model_clients import AT_ONCE, GOOD, KINDS, build, outcome
from tests.stand_ins.openai_replies import reply_text
from tests.stand_ins.openai_server import OpenAIStandIn
from tests.stand_ins.prompts import says


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.001)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "first",
    [
        pytest.param([], id="before-the-headers"),
        pytest.param([b"HTTP/1.1 400 No\r\nContent-Length: 100\r\n\r\n{"], id="in-an-errors-body"),
        pytest.param([STREAM, chunked(frame("Hi"))], id="in-the-reply"),
        pytest.param(status(429, b"Retry-After: 15\r\n"), id="in-the-wait-before-a-retry"),
        pytest.param([b"HTTP/1.1 307 No\r\nContent-Length: 100\r\nLocation: /v2\r\n\r\n{"], id="in-a-redirects-body"),
    ],
)
async def test_a_reader_that_leaves_leaves_no_connection_and_no_answer_behind(kind: str, first: list[Step]) -> None:
    halted = asyncio.Event()
    async with playing([*first, halted], GOOD) as server:
        client = build(kind, server.base_url, max_retries=1)
        task = asyncio.ensure_future(outcome(client))
        await server.was_asked.wait()
        await asyncio.sleep(0.1)  # nothing tells when the client has read what came
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        halted.set()
        assert await outcome(client) == "Hi"
        assert len(server.asked) == 2
        await client.close()
        async with asyncio.timeout(5):
            await server.all_closed.wait()


@pytest.mark.parametrize("kind", KINDS)
async def test_refusals_leave_their_connection_to_the_next_request(kind: str) -> None:
    async with playing(status(400), status(400), GOOD, status(400), GOOD) as server:
        client = build(kind, server.base_url, max_retries=0)
        for _ in range(5):
            await outcome(client)
        await client.close()
        async with asyncio.timeout(5):
            await server.all_closed.wait()
    assert server.connections == 1


async def test_as_many_connections_are_opened_for_repeated_requests_as_by_chat_openai() -> None:
    connections = []
    for kind in KINDS:
        async with playing(status(429, AT_ONCE), status(500, AT_ONCE), GOOD) as server:
            client = build(kind, server.base_url, max_retries=2)
            assert await outcome(client) == "Hi"
            connections.append(server.connections)
            await client.close()
    assert connections[0] <= connections[1], connections


@pytest.mark.parametrize("kind", KINDS)
def test_each_event_loop_has_connections_of_its_own(kind: str) -> None:
    with OpenAIStandIn() as server:
        client = build(kind, server.base_url)

        async def twice(text: str) -> list[Any]:
            try:
                return [await outcome(client, says(text)), await outcome(client, says(text))]
            finally:
                await client.close()

        for text in ("one", "two", "three"):
            assert asyncio.run(twice(text)) == [reply_text([{"content": text}])] * 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_is_closed_while_it_prepares_its_first_request_opens_no_connection(kind: str) -> None:
    async with playing(GOOD) as server:
        client = build(kind, server.base_url, max_retries=0)
        task = asyncio.ensure_future(outcome(client))
        await asyncio.sleep(0)
        await client.close()
        assert await task != "Hi"
        assert server.connections == 0
