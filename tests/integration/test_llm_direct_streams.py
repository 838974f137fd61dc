"""Models that LangChainLLMClient streams past `astream` send what they would send otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from adapters.llm.langchain import LangChainLLMClient
from adapters.llm.lean_chat_openai import LeanChatOpenAI
from imcore.errors import LLMRefusedError
from tests.stand_ins.openai_server import OpenAIStandIn
from tests.stand_ins.prompts import CONVERSATION, says
from tests.stand_ins.reading import read, text_of

SETTINGS: dict[str, Any] = {"model": "echo", "stream_chunk_timeout": None, "http_socket_options": (), "max_retries": 0}


@pytest.mark.parametrize("always_astream", [False, True])
async def test_a_model_that_is_not_to_stream_is_not_streamed(always_astream: bool) -> None:
    with OpenAIStandIn() as server:
        chat = ChatOpenAI(base_url=server.base_url, api_key=SecretStr("key"), streaming=False, **SETTINGS)
        await read(LangChainLLMClient(chat, name="echo", always_astream=always_astream), CONVERSATION)
    assert [call.body.get("stream") for call in server.calls] in ([False], [None])


@pytest.mark.parametrize("always_astream", [False, True])
async def test_a_model_with_an_astream_of_its_own_is_heard_through_that(always_astream: bool) -> None:
    class Loud(LeanChatOpenAI):
        async def _astream(self, *args: Any, **options: Any) -> AsyncIterator[ChatGenerationChunk]:
            async for chunk in super()._astream(*args, **options):
                chunk.message.content = chunk.text.upper()
                yield chunk

    with OpenAIStandIn() as server:
        chat = Loud(base_url=server.base_url, api_key=SecretStr("key"), **SETTINGS)
        told = text_of(await read(LangChainLLMClient(chat, name="echo", always_astream=always_astream), says("hi")))
    assert told == told.upper()


@pytest.mark.parametrize("always_astream", [False, True])
@pytest.mark.parametrize("kind", [LeanChatOpenAI, ChatOpenAI])
async def test_a_model_of_the_responses_api_asks_that(kind: type[ChatOpenAI], always_astream: bool) -> None:
    with OpenAIStandIn() as server:  # it knows no such path, and says so
        chat = kind(base_url=server.base_url, api_key=SecretStr("key"), use_responses_api=True, **SETTINGS)
        with pytest.raises(LLMRefusedError, match="Unknown path /v1/responses"):
            await read(LangChainLLMClient(chat, name="echo", always_astream=always_astream), CONVERSATION)
