"""The OpenAI-compatible client against llmock, a server that none of us wrote, and its verdict on how we bear faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import pytest

from adapters.llm import ClosableLLMClient, LLMOptions, build_llm_client
from imcore.errors import LLMError, LLMRateLimitedError, LLMRefusedError, LLMStreamCutError, LLMTimeoutError, LLMUnavailableError
from tests.stand_ins.prompts import CONVERSATION
from tests.stand_ins.reading import read, text_of

if TYPE_CHECKING:
    from llmock.pytest_plugin import LLMock

Scenario = Callable[["LLMock"], object]


@pytest.fixture(params=["lean", "chat-openai"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["stream", "whole"])
async def client(request: pytest.FixtureRequest, llmock: LLMock, kind: str) -> AsyncIterator[ClosableLLMClient]:
    options = LLMOptions(model="gpt-4o-mini", base_url=llmock.base_url(), client=kind, mode=request.param)
    client = build_llm_client(options)
    yield client
    await client.close()


@pytest.fixture
async def hurried(llmock: LLMock, kind: str) -> AsyncIterator[ClosableLLMClient]:
    """One that waits neither for a first token nor between two of them for long."""
    options = LLMOptions(model="gpt-4o-mini", base_url=llmock.base_url(), client=kind, timeout_s=0.5, first_token_timeout_s=0.5)
    client = build_llm_client(options)
    yield client
    await client.close()


async def test_a_scripted_answer_arrives_whole(llmock: LLMock, client: ClosableLLMClient) -> None:
    llmock.reply("The café is around the corner.")
    chunks = await read(client, CONVERSATION)
    assert text_of(chunks) == "The café is around the corner."
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].model == "gpt-4o-mini"
    assert chunks[-1].completion_tokens
    assert llmock.last_request.body == client.request(CONVERSATION)


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(lambda llmock: llmock.rate_limit(times=2, retry_after=0.1), id="rate-limited-twice"),
        pytest.param(lambda llmock: llmock.fail(503, times=1), id="unavailable-once"),
    ],
)
async def test_a_passing_fault_is_borne_as_a_provider_wants_it(llmock: LLMock, client: ClosableLLMClient, scenario: Scenario) -> None:
    scenario(llmock)
    assert text_of(await read(client, CONVERSATION))
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        pytest.param(lambda llmock: llmock.fail(401), LLMRefusedError, id="wrong-key"),
        pytest.param(lambda llmock: llmock.fail(404), LLMRefusedError, id="unknown-model"),
        pytest.param(lambda llmock: llmock.context_overflow(), LLMRefusedError, id="too-long"),
        pytest.param(lambda llmock: llmock.rate_limit(times=None, retry_after=0.1), LLMRateLimitedError, id="always-rate-limited"),
    ],
)
async def test_a_lasting_fault_is_a_typed_error(
    llmock: LLMock, client: ClosableLLMClient, scenario: Scenario, kind: type[LLMError]
) -> None:
    scenario(llmock)
    with pytest.raises(kind):
        await read(client, CONVERSATION)
    llmock.assert_resilient()


async def test_an_outage_is_a_typed_error_after_the_retries(llmock: LLMock, client: ClosableLLMClient) -> None:
    llmock.outage()
    with pytest.raises(LLMUnavailableError):
        await read(client, CONVERSATION)
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        pytest.param(lambda llmock: llmock.disconnect(after_chunks=3), LLMStreamCutError, id="disconnect"),
        pytest.param(lambda llmock: llmock.truncate(after_chunks=3), LLMStreamCutError, id="truncate"),
        pytest.param(lambda llmock: llmock.corrupt(after_chunks=3), LLMStreamCutError, id="corrupt"),
        pytest.param(lambda llmock: llmock.stall(after_chunks=3, seconds=2), LLMTimeoutError, id="stall"),
        pytest.param(lambda llmock: llmock.slow_first_token(2), LLMTimeoutError, id="no-first-token"),
        pytest.param(lambda llmock: llmock.delay(2), LLMTimeoutError, id="no-answer"),
    ],
)
async def test_a_broken_stream_is_never_taken_for_a_reply(
    llmock: LLMock, hurried: ClosableLLMClient, scenario: Scenario, kind: type[LLMError]
) -> None:
    scenario(llmock)
    with pytest.raises(kind):
        await read(hurried, CONVERSATION)
