"""The OpenAI-compatible client, resilience included, against the stand-in server: what goes over the wire, and all that can go wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

from adapters.llm import ClosableLLMClient, LLMOptions, build_llm_client
from adapters.llm.langchain import LangChainLLMClient
from adapters.llm.openai_compatible import OpenAICompatibleLLMClient
from imcore.errors import (
    LLMError,
    LLMRateLimitedError,
    LLMRefusedError,
    LLMStreamCutError,
    LLMTimeoutError,
    LLMUnavailableError,
)
from imcore.ports import LLMClient
from tests.stand_ins.openai_replies import Fault, reply_text
from tests.stand_ins.openai_server import Call, OpenAIStandIn
from tests.stand_ins.prompts import CONVERSATION, says
from tests.stand_ins.reading import read, text_of

SECRET = "integration_secret_0123456789"  # noqa: S105  (it is what must not show up anywhere)
WHOLE_REPLY = reply_text([{"content": CONVERSATION[-1].content}])

Build = Callable[..., ClosableLLMClient]


@pytest.fixture(scope="module")
def shared_server() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn(models=["echo", "other"]) as server:
        yield server


@pytest.fixture
def server(shared_server: OpenAIStandIn) -> OpenAIStandIn:
    shared_server.forget()
    return shared_server


@pytest.fixture(params=["lean", "chat-openai"])
async def build(server: OpenAIStandIn, request: pytest.FixtureRequest) -> AsyncIterator[Build]:
    """Builds a client as the settings would, with the server's address and either value of IM_LLM_CLIENT; closed at the end."""
    defaults = LLMOptions(model="echo", base_url=server.base_url, api_key=SECRET, client=request.param)
    clients: list[ClosableLLMClient] = []

    def build(**options: object) -> ClosableLLMClient:
        clients.append(build_llm_client(replace(defaults, **options)))
        return clients[-1]

    yield build
    for client in clients:
        await client.close()


async def closed_by_client(call: Call) -> bool:
    return await asyncio.to_thread(call.closed_by_client.wait, 10.0)


async def failure_of(client: LLMClient) -> LLMError:
    with pytest.raises(LLMError) as raised:
        await read(client, CONVERSATION)
    return raised.value


@pytest.mark.parametrize("mode", ["stream", "whole"])
async def test_the_request_is_exactly_what_the_server_gets(server: OpenAIStandIn, build: Build, mode: str) -> None:
    client = build(mode=mode)
    await read(client, CONVERSATION)
    assert server.calls[0].body == client.request(CONVERSATION)


async def test_the_key_is_sent_and_an_empty_one_replaced_by_a_dummy(server: OpenAIStandIn, build: Build) -> None:
    await read(build(), CONVERSATION)
    await read(build(api_key=""), CONVERSATION)
    assert [call.authorization for call in server.calls] == [f"Bearer {SECRET}", "Bearer none"]


async def test_variables_meant_for_other_programs_change_nothing(
    server: OpenAIStandIn, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_PROXY", "LANGSMITH_GATEWAY_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-program")
    assert text_of(await read(build(), CONVERSATION)) == WHOLE_REPLY
    assert server.calls[0].authorization == f"Bearer {SECRET}"


async def test_a_server_that_refuses_stream_options_is_asked_without_them_from_then_on(server: OpenAIStandIn, build: Build) -> None:
    client = build(model="refuse-stream-options")
    for _ in range(2):
        assert text_of(await read(client, CONVERSATION)) == WHOLE_REPLY
    assert ["stream_options" in call.body for call in server.calls] == [True, False, False]
    assert server.calls[-1].body == client.request(CONVERSATION)


async def test_replies_that_meet_the_refusal_together_all_succeed(build: Build) -> None:
    client = build(model="refuse-stream-options")
    replies = await asyncio.gather(*(read(client, CONVERSATION) for _ in range(5)))
    assert [text_of(chunks) for chunks in replies] == [WHOLE_REPLY] * 5


async def test_a_server_that_counts_no_tokens_is_no_trouble(build: Build) -> None:
    last = (await read(build(model="no-usage"), CONVERSATION))[-1]
    assert (last.finish_reason, last.prompt_tokens, last.completion_tokens) == ("stop", None, None)


# Ends that the reader wants


@pytest.mark.parametrize("model", ["stall", "hang", "silent"])
@pytest.mark.parametrize("mode", ["stream", "whole"])
async def test_cancelling_the_reader_closes_the_connection(server: OpenAIStandIn, build: Build, model: str, mode: str) -> None:
    reading = asyncio.create_task(read(build(model=model, mode=mode), CONVERSATION))
    call = await server.called()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await closed_by_client(call)


async def test_closing_the_stream_closes_the_connection(server: OpenAIStandIn, build: Build) -> None:
    async with aclosing(build(model="stall").stream(CONVERSATION)) as chunks:
        await anext(chunks)
    assert await closed_by_client(server.calls[0])


async def test_closing_the_stream_of_a_chain_closes_the_connection_too(server: OpenAIStandIn) -> None:
    chat = ChatOpenAI(model="stall", base_url=server.base_url, api_key=SECRET)
    chain = ChatPromptTemplate.from_messages([("placeholder", "{messages}")]) | chat | StrOutputParser()
    async with aclosing(LangChainLLMClient(chain, name="chain").stream(CONVERSATION)) as chunks:
        await anext(chunks)
    assert await closed_by_client(server.calls[0])


# Time limits


@pytest.mark.parametrize("model", ["hang", "silent"])
async def test_a_model_without_a_first_token_is_left_when_its_time_is_over(server: OpenAIStandIn, build: Build, model: str) -> None:
    error = await failure_of(build(model=model, first_token_timeout_s=0.3))
    assert isinstance(error, LLMTimeoutError)
    assert "IM_LLM_FIRST_TOKEN_TIMEOUT_S" in error.detail
    assert await closed_by_client(server.calls[0])
    assert len(server.calls) == 1


async def test_a_stall_in_mid_stream_is_left_when_its_time_is_over(server: OpenAIStandIn, build: Build) -> None:
    error = await failure_of(build(model="stall", timeout_s=0.3))
    assert isinstance(error, LLMTimeoutError)
    assert "IM_LLM_TIMEOUT_S" in error.detail
    assert await closed_by_client(server.calls[0])


async def test_a_whole_reply_has_the_whole_time_and_no_more(server: OpenAIStandIn, build: Build) -> None:
    error = await failure_of(build(model="silent", mode="whole", timeout_s=0.3, first_token_timeout_s=0.01))
    assert isinstance(error, LLMTimeoutError)
    assert "IM_LLM_TIMEOUT_S" in error.detail
    assert await closed_by_client(server.calls[0])


# Retries and fallbacks, until the first token


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_request_refused_for_now_is_repeated(server: OpenAIStandIn, build: Build, status: int) -> None:
    server.script(Fault.STATUS, status=status, retry_after_s=0.01, times=2)
    assert text_of(await read(build(max_retries=2), CONVERSATION)) == WHOLE_REPLY
    assert len(server.calls) == 3


@pytest.mark.parametrize(("status", "kind"), [(429, LLMRateLimitedError), (500, LLMUnavailableError)])
async def test_a_request_is_repeated_no_more_often_than_set(server: OpenAIStandIn, build: Build, status: int, kind: type[LLMError]) -> None:
    server.script(Fault.STATUS, status=status, retry_after_s=0.01, times=9)
    assert isinstance(await failure_of(build(max_retries=2)), kind)
    assert len(server.calls) == 3


async def test_a_wait_longer_than_a_users_patience_is_an_error_at_once(server: OpenAIStandIn, build: Build) -> None:
    server.script(Fault.STATUS, status=429, retry_after_s=60)
    assert isinstance(await failure_of(build(max_retries=2, first_token_timeout_s=20)), LLMRateLimitedError)
    assert len(server.calls) == 1


async def test_a_stream_cut_before_its_first_token_is_repeated(server: OpenAIStandIn, build: Build) -> None:
    server.script(Fault.EMPTY)
    assert text_of(await read(build(max_retries=1), CONVERSATION)) == WHOLE_REPLY
    assert len(server.calls) == 2


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.BREAK, Fault.MALFORMED])
async def test_after_the_first_token_nothing_is_repeated(server: OpenAIStandIn, build: Build, fault: Fault) -> None:
    server.script(fault)
    assert isinstance(await failure_of(build(fallback_models=["other"])), LLMStreamCutError)
    assert len(server.calls) == 1


@pytest.mark.parametrize("model", ["unknown", "status-500", "status-429", "empty"])
async def test_a_fallback_model_answers_for_one_that_cannot(build: Build, model: str) -> None:
    chunks = await read(build(model=model, fallback_models=["status-503", "other"], max_retries=0), CONVERSATION)
    assert text_of(chunks) == WHOLE_REPLY
    assert chunks[-1].model == "other"


async def test_a_fallback_model_answers_for_one_that_hangs(build: Build) -> None:
    chunks = await read(build(model="hang", fallback_models=["other"], first_token_timeout_s=0.3), CONVERSATION)
    assert chunks[-1].model == "other"


# Errors


@pytest.mark.parametrize(
    ("options", "kind", "hint"),
    [
        ({"model": "status-401"}, LLMRefusedError, "IM_LLM_API_KEY"),
        ({"model": "status-403"}, LLMRefusedError, "IM_LLM_API_KEY"),
        ({"model": "unknown"}, LLMRefusedError, "IM_LLM_MODEL"),
        ({"model": "status-413"}, LLMRefusedError, "IM_HISTORY_TOKENS"),
        ({"model": "status-422"}, LLMRefusedError, "422"),
        ({"model": "status-502"}, LLMUnavailableError, "502"),
        ({"model": "error-event"}, LLMUnavailableError, "The engine has stopped"),
        ({"base_url": "http://127.0.0.1:9/v1"}, LLMUnavailableError, "IM_LLM_BASE_URL"),
        ({"model": "cut"}, LLMStreamCutError, "finish reason"),
        ({"model": "cut", "mode": "whole"}, LLMStreamCutError, "finish reason"),
    ],
)
async def test_an_error_is_typed_and_tells_what_to_do(build: Build, options: dict[str, object], kind: type[LLMError], hint: str) -> None:
    error = await failure_of(build(max_retries=0, **options))
    assert type(error) is kind
    assert hint in error.detail


async def test_a_stream_without_a_choice_is_no_reply(server: OpenAIStandIn, build: Build) -> None:
    chunk = '{"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "echo", "choices": []}'
    server.script(Fault.STATUS, status=200, body=f"data: {chunk}\n\ndata: [DONE]\n\n")
    assert isinstance(await failure_of(build(max_retries=0)), LLMStreamCutError)


async def test_a_prompt_that_is_too_long_names_the_settings_that_shorten_it(server: OpenAIStandIn, build: Build) -> None:
    server.script(Fault.STATUS, status=400, body='{"error": {"message": "Too many tokens", "code": "context_length_exceeded"}}')
    error = await failure_of(build())
    assert isinstance(error, LLMRefusedError)
    assert "IM_HISTORY_TOKENS" in error.detail


async def test_a_used_up_quota_is_not_worth_a_retry_by_the_user(server: OpenAIStandIn, build: Build) -> None:
    server.script(Fault.STATUS, status=429, body='{"error": {"message": "Pay first", "code": "insufficient_quota"}}')
    assert isinstance(await failure_of(build(max_retries=0)), LLMRefusedError)


@pytest.mark.parametrize("mode", ["stream", "whole"])
@pytest.mark.parametrize("status", [200, 502])
async def test_a_web_page_instead_of_a_reply_is_not_shown(server: OpenAIStandIn, build: Build, mode: str, status: int) -> None:
    server.script(Fault.STATUS, status=status, body="<html><body>" + "nginx " * 1000)
    error = await failure_of(build(mode=mode, max_retries=0))
    assert "nginx" not in error.detail
    assert len(error.detail) <= 500


async def test_a_key_that_the_server_repeats_does_not_get_into_the_error(server: OpenAIStandIn, build: Build) -> None:
    server.script(Fault.STATUS, status=401, body=f'{{"error": {{"message": "Incorrect key {SECRET}, not sk-ab***yz1234"}}}}')
    detail = (await failure_of(build())).detail
    assert SECRET not in detail
    assert "yz1234" not in detail


# Event loops


@pytest.mark.parametrize("kind", ["lean", "chat-openai"])
def test_each_event_loop_has_connections_of_its_own(server: OpenAIStandIn, kind: str) -> None:
    client = OpenAICompatibleLLMClient("echo", base_url=server.base_url, kind=kind)
    replies: list[str] = []
    both = threading.Barrier(2)  # two loops live at once, a third one after them

    async def reply() -> None:
        replies.append(text_of(await read(client, says("Hello"))))
        if len(replies) <= both.parties:
            await asyncio.to_thread(both.wait, 10.0)
        await client.close()

    def in_a_loop() -> None:
        asyncio.run(reply())

    threads = [threading.Thread(target=in_a_loop) for _ in range(both.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    in_a_loop()
    assert replies == [reply_text([{"content": "Hello"}])] * 3


async def test_hundreds_of_streams_run_at_once(build: Build) -> None:
    client = build()
    replies = await asyncio.gather(*(read(client, says(f"Number {number}")) for number in range(200)))
    assert [text_of(chunks) for chunks in replies] == [reply_text([{"content": f"Number {number}"}]) for number in range(200)]
