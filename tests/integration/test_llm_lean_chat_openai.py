"""LeanChatOpenAI as a LangChain model: when text is passed on, what goes ChatOpenAI's way, and what callbacks hear."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import LLMResult
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient, Timeout

from adapters.llm import lean_chat_openai
from adapters.llm.aiohttp_transport import AiohttpClient
from adapters.llm.lean_chat_openai import LeanChatOpenAI
from adapters.llm.openai_compatible import OpenAICompatibleLLMClient
from imcore.prompt import PromptMessage, Role
from tests.stand_ins.http_script import DONE, END, STREAM, Step, chunked, frame, serving
from tests.stand_ins.openai_replies import reply_text
from tests.stand_ins.openai_server import OpenAIStandIn
from tests.stand_ins.prompts import CONVERSATION

HELLO = [HumanMessage("Hello")]
PROMPT = [PromptMessage(Role.USER, "Hello")]
REPLY = reply_text([{"content": "Hello"}])
STOP = frame(finish_reason="stop")

Build = Callable[..., LeanChatOpenAI]


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Builds a model over a client that is closed at the end."""
    https: list[DefaultAsyncHttpxClient] = []

    def build(base_url: str, *, http: type[DefaultAsyncHttpxClient] = AiohttpClient, **options: Any) -> LeanChatOpenAI:
        https.append(http(timeout=Timeout(5.0), event_hooks={}))
        defaults: dict[str, Any] = {"model": "echo", "api_key": "none", "stream_chunk_timeout": None, "http_socket_options": ()}
        return LeanChatOpenAI(base_url=base_url, http_async_client=https[-1], **(defaults | options))

    yield build
    for http in https:
        await http.aclose()


@pytest.fixture
def server() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as server:
        yield server


async def texts(model: LeanChatOpenAI, **options: Any) -> list[str]:
    return [chunk.text for chunk in [chunk async for chunk in model.astream(HELLO, **options)] if chunk.text]


async def next_text(chunks: AsyncIterator[AIMessageChunk]) -> str:
    return next(text for text in [(await anext(chunks)).text] if text)


# When text is passed on


async def test_the_first_text_is_passed_on_before_anything_else_comes(build: Build) -> None:
    come_on = asyncio.Event()
    script: list[Step] = [STREAM, chunked(frame(role="assistant")), chunked(frame("a")), come_on, chunked(STOP + DONE), END]
    async with serving(script) as base_url, aclosing(build(base_url, window_s=3600).astream(HELLO)) as chunks:
        assert await next_text(chunks) == "a"


async def test_text_is_passed_on_though_the_server_has_fallen_silent(build: Build) -> None:
    first, come_on = asyncio.Event(), asyncio.Event()
    script: list[Step] = [STREAM, chunked(frame("a")), first, chunked(frame("b") + frame("c")), come_on]
    async with serving(script) as base_url, aclosing(build(base_url).astream(HELLO)) as chunks:
        assert await next_text(chunks) == "a"
        first.set()
        assert await next_text(chunks) == "bc"


async def test_what_comes_within_the_window_is_one_chunk(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean_chat_openai, "until_tick", lambda *_: 1.0)
    come_on = asyncio.Event()
    words = [chunked(frame(f"{number} ")) for number in range(100)]
    script: list[Step] = [STREAM, chunked(frame("first ")), come_on, *words, chunked(STOP + DONE), END]
    async with serving(script) as base_url, aclosing(build(base_url).astream(HELLO)) as chunks:
        assert await next_text(chunks) == "first "
        come_on.set()
        assert await next_text(chunks) == "".join(f"{number} " for number in range(100))


async def test_more_than_any_buffer_holds_comes_whole(build: Build) -> None:
    burst = chunked(b"".join(frame("x" * 1000) for _ in range(1000)))
    async with serving([STREAM, chunked(frame("y")), 0.1, burst, chunked(STOP + DONE), END]) as base_url:
        assert "".join(await texts(build(base_url))) == "y" + "x" * 1_000_000


async def test_a_connection_is_used_again_after_a_whole_reply(build: Build) -> None:
    connections = 0

    async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(STREAM + chunked(frame("a") + STOP + DONE) + END)
        writer.close()

    listener = await asyncio.start_server(answer_twice, "127.0.0.1", 0)
    model = build(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1")
    assert [await texts(model), await texts(model)] == [["a"], ["a"]]
    assert connections == 1
    listener.close()


# What goes ChatOpenAI's way


@pytest.mark.parametrize(
    "options",
    [
        {"stream_chunk_timeout": 60.0},
        {"include_response_headers": True},
        {"use_responses_api": True},
        {"output_version": "v1"},
        {"logprobs": True},
        {"temperature": math.nan},
        {"extra_body": {"top_k": 3}},
        {"model_kwargs": {"modalities": ["text", "audio"]}},
        {"http": DefaultAsyncHttpxClient},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_a_setting_beyond_text_takes_chat_openais_way(build: Build, options: dict[str, Any]) -> None:
    model = build("http://127.0.0.1:9/v1", **options)
    for body in (partial(model._get_request_payload, HELLO), partial(model.body_of, PROMPT)):
        assert model._plain_payload(body, None, {}) is None


@pytest.mark.parametrize("option", [{"tools": [{}]}, {"response_format": {"type": "json_object"}}, {"n": 2}, {"extra_headers": {"a": "b"}}])
async def test_a_request_beyond_text_takes_chat_openais_way(build: Build, option: dict[str, Any]) -> None:
    model = build("http://127.0.0.1:9/v1")
    assert model._plain_payload(partial(model._get_request_payload, HELLO), None, option) is None
    with_stop = partial(model._get_request_payload, HELLO, stop=["stop"])
    assert model._plain_payload(with_stop, True, {"temperature": 0.5, "seed": 1}) is not None


async def test_a_model_with_tools_streams_as_well(build: Build, server: OpenAIStandIn) -> None:
    with_tools = build(server.base_url).bind_tools([{"name": "look", "description": "", "input_schema": {"type": "object"}}])
    assert "".join([chunk.text async for chunk in with_tools.astream(HELLO)]) == REPLY
    assert server.calls[0].body["tools"]


@pytest.mark.parametrize(("variable", "lean"), [("HTTP_PROXY", False), ("ALL_PROXY", False), ("NO_PROXY", True)])
async def test_an_environment_with_a_proxy_takes_chat_openai(monkeypatch: pytest.MonkeyPatch, variable: str, lean: bool) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    client = OpenAICompatibleLLMClient("echo", base_url="http://127.0.0.1:9/v1")
    assert type(client._here().chat) is (LeanChatOpenAI if lean else ChatOpenAI)
    await client.close()


# What goes over the wire, and what callbacks hear


async def test_the_request_is_the_one_of_chat_openai_but_for_connection_headers() -> None:
    with OpenAIStandIn() as server:
        for kind in ("lean", "chat-openai"):
            client = OpenAICompatibleLLMClient("echo", base_url=server.base_url, api_key="key", kind=kind)
            async with aclosing(client.stream(CONVERSATION)) as chunks:
                async for _ in chunks:
                    pass
            await client.close()
    lean, original = server.calls
    assert (lean.body, lean.authorization) == (original.body, original.authorization)
    of_connection = {b"accept-encoding", b"connection", b"content-length", b"host"}
    assert {name: lean.headers[name] for name in lean.headers.keys() - of_connection} == {
        name: original.headers[name] for name in original.headers.keys() - of_connection
    }


async def test_callbacks_hear_every_chunk_and_the_end(build: Build, server: OpenAIStandIn) -> None:
    class Listener(AsyncCallbackHandler):
        def __init__(self) -> None:
            self.text, self.end = "", ""

        async def on_llm_new_token(self, token: str, **_: Any) -> None:
            self.text += token

        async def on_llm_end(self, response: LLMResult, **_: Any) -> None:
            self.end = response.generations[0][0].text

    listener = Listener()
    await texts(build(server.base_url), config={"callbacks": [listener]})
    assert (listener.text, listener.end) == (REPLY, REPLY)


async def test_astream_events_and_ainvoke_work_as_with_any_model(build: Build, server: OpenAIStandIn) -> None:
    model = build(server.base_url)
    events = [event async for event in model.astream_events(HELLO, version="v2")]
    assert "".join(event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream") == REPLY
    assert (await model.ainvoke(HELLO)).text == REPLY
