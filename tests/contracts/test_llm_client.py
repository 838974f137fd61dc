"""The contract of LLMClient, over every adapter. An adapter promises what its `Case` declares; it may not override a test."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from adapters.llm.demo import DemoLLMClient
from adapters.llm.langchain import LangChainLLMClient
from adapters.llm.openai_compatible import OpenAICompatibleLLMClient
from adapters.llm.resilient import ResilientLLMClient
from adapters.memory.llm_client import MemoryLLMClient
from examples import pirate_chain
from imcore.ports import LLMClient
from imcore.prompt import Prompt
from tests.stand_ins.openai_server import OpenAIStandIn
from tests.stand_ins.prompts import CONVERSATION, says
from tests.stand_ins.reading import read, text_of

SECRET = "sk-contract-secret-0123456789"  # noqa: S105  (it is what must not show up anywhere)
FIXED_REPLY = "The café is around the corner."


@dataclass(frozen=True)
class Case:
    """An adapter and what it promises beyond the port: the reply holds `says(prompt)`, the model's name is `model`."""

    name: str
    build: Callable[[OpenAIStandIn], LLMClient]
    model: str
    says: Callable[[Prompt], str] = lambda prompt: prompt[-1].content
    whole: bool = False
    counts_tokens: bool = False


def _fake_model() -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=itertools.cycle([AIMessage(FIXED_REPLY)]))


def _chain() -> LangChainLLMClient:
    prompt = ChatPromptTemplate.from_messages([("system", "Be polite."), ("placeholder", "{messages}")])
    return LangChainLLMClient(prompt | _fake_model() | StrOutputParser(), name="chain")


def _openai(kind: str = "lean", mode: str = "stream") -> Callable[[OpenAIStandIn], OpenAICompatibleLLMClient]:
    return lambda server: OpenAICompatibleLLMClient("echo", base_url=server.base_url, api_key=SECRET, kind=kind, mode=mode)


CASES = [
    Case("memory", lambda _: MemoryLLMClient(), "memory", counts_tokens=True),
    Case("demo", lambda _: DemoLLMClient(tokens_per_s=1e6), "demo", counts_tokens=True),
    Case("demo-whole", lambda _: DemoLLMClient(tokens_per_s=1e6, mode="whole"), "demo", whole=True, counts_tokens=True),
    Case("chat-model", lambda _: LangChainLLMClient(_fake_model(), name="fake"), "fake", says=lambda _: FIXED_REPLY),
    Case("chain", lambda _: _chain(), "chain", says=lambda _: FIXED_REPLY),
    Case("pirate", lambda _: LangChainLLMClient(pirate_chain.chain, name="pirate"), "pirate"),
    Case("lean", _openai(), "echo", counts_tokens=True),
    Case("lean-whole", _openai(mode="whole"), "echo", whole=True, counts_tokens=True),
    Case("chat-openai", _openai("chat-openai"), "echo", counts_tokens=True),
    Case("chat-openai-whole", _openai("chat-openai", "whole"), "echo", whole=True, counts_tokens=True),
    Case("resilient", lambda server: ResilientLLMClient([_openai()(server)]), "echo", counts_tokens=True),
]


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn(tokens_per_s=200) as server:  # so slowly that a reply cannot come in one read
        yield server


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
async def client(case: Case, server: OpenAIStandIn) -> AsyncIterator[LLMClient]:
    client = case.build(server)
    yield client
    close = getattr(client, "close", None)  # the port has none: only some adapters hold connections
    if close:
        await close()


async def test_the_request_names_the_model_and_holds_the_prompt_in_its_order(client: LLMClient, case: Case) -> None:
    request = client.request(CONVERSATION)
    assert request["model"] == case.model
    assert [(line["role"], line["content"]) for line in request["messages"]] == [(line.role.value, line.content) for line in CONVERSATION]


async def test_the_request_is_json_without_a_secret(client: LLMClient) -> None:
    assert SECRET not in json.dumps(client.request(CONVERSATION))


async def test_the_chunks_join_to_the_reply(client: LLMClient, case: Case) -> None:
    assert case.says(CONVERSATION) in text_of(await read(client, CONVERSATION))


async def test_a_reply_comes_in_pieces_or_in_one_as_the_mode_says(client: LLMClient, case: Case) -> None:
    with_text = [chunk for chunk in await read(client, CONVERSATION) if chunk.text]
    assert len(with_text) == 1 if case.whole else len(with_text) > 1


async def test_only_the_last_chunk_has_a_finish_reason(client: LLMClient) -> None:
    *before, last = await read(client, CONVERSATION)
    assert last.finish_reason == "stop"
    assert [chunk.finish_reason for chunk in before] == [None] * len(before)


async def test_a_reply_tells_its_model_and_the_tokens_where_the_model_counts_them(client: LLMClient, case: Case) -> None:
    chunks = await read(client, CONVERSATION)
    assert [chunk.model for chunk in chunks if chunk.model] == [case.model]
    counted = [(chunk.prompt_tokens, chunk.completion_tokens) for chunk in chunks if chunk.completion_tokens]
    assert bool(counted) == case.counts_tokens
    assert all(prompt and completion for prompt, completion in counted)


async def test_replies_written_at_once_do_not_mix(client: LLMClient, case: Case) -> None:
    prompts = [says(f"This is number {number}") for number in range(5)]
    replies = await asyncio.gather(*(read(client, prompt) for prompt in prompts))
    for prompt, chunks in zip(prompts, replies, strict=True):
        assert case.says(prompt) in text_of(chunks)


async def test_a_closed_stream_gives_nothing_more(client: LLMClient) -> None:
    chunks = client.stream(CONVERSATION)
    async with aclosing(chunks):
        await anext(chunks)
    assert await anext(chunks, None) is None


async def test_a_client_goes_on_after_a_reader_was_cancelled(client: LLMClient, case: Case) -> None:
    begun = asyncio.Event()

    async def reader() -> None:
        async with aclosing(client.stream(CONVERSATION)) as chunks:
            async for _ in chunks:
                begun.set()
                await asyncio.Event().wait()

    reading = asyncio.create_task(reader())
    await begun.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert case.says(CONVERSATION) in text_of(await read(client, CONVERSATION))
