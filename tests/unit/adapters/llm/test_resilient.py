"""Retries, fallbacks and limits, over fakes: no server, and no second to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping

import pytest
import stamina

from adapters.llm.closable import ClosableLLMClient
from adapters.llm.resilient import ResilientLLMClient
from imcore.errors import LLMError, LLMRefusedError, LLMStreamCutError, LLMTimeoutError, LLMUnavailableError
from imcore.ports import LLMChunk
from imcore.prompt import Prompt
from tests.stand_ins.prompts import CONVERSATION
from tests.stand_ins.reading import read, text_of

Step = str | Exception | float
"""What a scripted model does next: say something, fail, or take that many seconds."""


class ScriptedLLMClient(ClosableLLMClient):
    """Plays one script a stream, the last one again and again; `closed` counts how often it was closed."""

    def __init__(self, *scripts: list[Step]) -> None:
        self._scripts = scripts
        self.streams = 0
        self.left = 0
        self.closed = 0

    def request(self, prompt: Prompt) -> Mapping[str, object]:
        return {"model": "scripted", "messages": len(prompt)}

    async def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        del prompt
        script = self._scripts[min(self.streams, len(self._scripts) - 1)]
        self.streams += 1
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield LLMChunk(step)
            yield LLMChunk(finish_reason="stop")
        finally:
            self.left += 1

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def no_pause_between_retries() -> Iterator[None]:
    stamina.set_testing(True, attempts=100, cap=True)
    yield
    stamina.set_testing(False)


def resilient(*models: ScriptedLLMClient, **options: object) -> ResilientLLMClient:
    return ResilientLLMClient(models, **options)


class APIStatusError(Exception):
    """Named like the error of an SDK that has retried already."""


def raised_by_an_sdk() -> LLMError:
    error = LLMUnavailableError("500")
    error.__cause__ = APIStatusError()
    return error


async def test_a_failure_before_the_first_token_is_retried() -> None:
    model = ScriptedLLMClient([LLMUnavailableError("busy")], ["Hello"])
    assert text_of(await read(resilient(model), CONVERSATION)) == "Hello"
    assert model.streams == 2


@pytest.mark.parametrize("error", [LLMRefusedError("no"), LLMTimeoutError("late"), raised_by_an_sdk()], ids=["refused", "timeout", "sdk"])
async def test_what_a_retry_cannot_heal_or_the_sdk_has_retried_is_not_retried(error: LLMError) -> None:
    model = ScriptedLLMClient([error])
    with pytest.raises(type(error)):
        await read(resilient(model), CONVERSATION)
    assert model.streams == 1


async def test_the_retries_end() -> None:
    model = ScriptedLLMClient([LLMUnavailableError("busy")])
    with pytest.raises(LLMUnavailableError):
        await read(resilient(model), CONVERSATION)
    assert model.streams == 3


async def test_after_the_first_token_an_error_goes_up() -> None:
    model, fallback = ScriptedLLMClient(["Hel", LLMStreamCutError("cut")]), ScriptedLLMClient(["Hello"])
    with pytest.raises(LLMStreamCutError):
        await read(resilient(model, fallback), CONVERSATION)
    assert (model.streams, fallback.streams) == (1, 0)


async def test_the_models_are_asked_in_their_order_until_one_answers() -> None:
    models = [ScriptedLLMClient([LLMRefusedError("no")]), ScriptedLLMClient(["Hello"]), ScriptedLLMClient(["Not me"])]
    assert text_of(await read(resilient(*models), CONVERSATION)) == "Hello"
    assert [model.streams for model in models] == [1, 1, 0]


async def test_if_no_model_answers_the_error_is_that_of_the_first() -> None:
    with pytest.raises(LLMUnavailableError):
        await read(resilient(ScriptedLLMClient([raised_by_an_sdk()]), ScriptedLLMClient([LLMRefusedError("no")])), CONVERSATION)


async def test_a_late_first_token_is_a_timeout_that_closes_the_stream() -> None:
    model = ScriptedLLMClient([60.0, "Hello"])
    with pytest.raises(LLMTimeoutError, match="IM_LLM_FIRST_TOKEN_TIMEOUT_S"):
        await read(resilient(model, first_token_timeout_s=0.01), CONVERSATION)
    assert model.left == 1


async def test_a_silence_between_tokens_is_a_timeout_that_closes_the_stream() -> None:
    model = ScriptedLLMClient(["Hel", 60.0, "lo"])
    with pytest.raises(LLMTimeoutError, match=r"had no end .*IM_LLM_TIMEOUT_S"):
        await read(resilient(model, timeout_s=0.01), CONVERSATION)
    assert model.left == 1


async def test_a_stream_that_never_ends_is_ended() -> None:
    endless = ScriptedLLMClient(["more ", 0.01] * 10_000)
    with pytest.raises(LLMTimeoutError, match=r"had no end .*IM_LLM_TIMEOUT_S"):
        await read(resilient(endless, timeout_s=0.1), CONVERSATION)


async def test_in_whole_mode_the_reply_has_the_whole_time() -> None:
    model = ScriptedLLMClient([0.05, "Hello"])
    assert text_of(await read(resilient(model, mode="whole", first_token_timeout_s=0.001), CONVERSATION)) == "Hello"
    with pytest.raises(LLMTimeoutError, match="IM_LLM_TIMEOUT_S"):
        await read(resilient(model, mode="whole", timeout_s=0.001), CONVERSATION)


async def test_the_request_is_the_first_models_and_all_models_are_closed() -> None:
    models = [ScriptedLLMClient(["a"]), ScriptedLLMClient(["b"])]
    client = resilient(*models)
    assert client.request(CONVERSATION) == models[0].request(CONVERSATION)
    await client.close()
    assert [model.closed for model in models] == [1, 1]
