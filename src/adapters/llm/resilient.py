"""LLMClient over other LLMClients: time limits, and until the first token retries and fallback models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

import stamina

from adapters.llm.closable import ClosableLLMClient, ReplyMode
from adapters.llm.errors import retried_by_sdk
from adapters.llm.time_limit import TimeLimit
from imcore.errors import LLMError, LLMTimeoutError
from imcore.ports import LLMChunk
from imcore.prompt import Prompt

log = logging.getLogger(__name__)


WAIT_S = 0.25


class ResilientLLMClient(ClosableLLMClient):
    """Streams from the first of `models` that gives a first token; from then on there is no way back, errors go up.

    Each model has `first_token_timeout_s` for its first token, retries and waits included; in mode "whole" it has `timeout_s`. A reply that
    has begun must end within `timeout_s` of being asked for. If all models fail, the first one's error is raised.
    """

    def __init__(
        self,
        models: Sequence[ClosableLLMClient],
        *,
        first_token_timeout_s: float = 20.0,
        timeout_s: float = 60.0,
        max_retries: int = 2,
        mode: ReplyMode = "stream",
    ) -> None:
        self._models = models
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        if mode == "stream":
            self._begin_s, self._begin_limit = (
                first_token_timeout_s,
                f"No token came within {first_token_timeout_s:g} s (IM_LLM_FIRST_TOKEN_TIMEOUT_S).",
            )
        else:
            self._begin_s, self._begin_limit = timeout_s, f"No reply came within {timeout_s:g} s (IM_LLM_TIMEOUT_S)."

    def request(self, prompt: Prompt) -> Mapping[str, object]:
        """The first model's request; a chunk's `model` tells which one answered."""
        return self._models[0].request(prompt)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        first, rest = await self._begin(prompt)
        try:
            async with aclosing(rest):
                yield first
                with TimeLimit(deadline) as limit:
                    async for chunk in rest:
                        limit.pause()
                        yield chunk
                        limit.resume()
        except TimeoutError:
            raise LLMTimeoutError(f"The reply had no end within {self._timeout_s:g} s (IM_LLM_TIMEOUT_S).") from None

    async def close(self) -> None:
        for model in self._models:
            await model.close()

    async def _begin(self, prompt: Prompt) -> tuple[LLMChunk, AsyncGenerator[LLMChunk]]:
        errors: list[LLMError] = []
        for position, model in enumerate(self._models):
            try:
                return await self._begin_with(model, prompt)
            except LLMError as error:
                errors.append(error)
                log.warning("a model gave no first token", extra={"position": position, "code": error.code, "detail": error.detail})
        raise errors[0]

    async def _begin_with(self, model: ClosableLLMClient, prompt: Prompt) -> tuple[LLMChunk, AsyncGenerator[LLMChunk]]:
        try:
            async with asyncio.timeout(self._begin_s):
                try:
                    return await _first_of(model, prompt)
                except LLMError as error:
                    if self._max_retries == 0 or not _is_worth_repeating(error):
                        raise
                return await self._retried(model, prompt)
        except TimeoutError:
            raise LLMTimeoutError(self._begin_limit) from None

    async def _retried(self, model: ClosableLLMClient, prompt: Prompt) -> tuple[LLMChunk, AsyncGenerator[LLMChunk]]:
        """Further attempts, after a first one without this machinery: it costs 0.2 ms, and the first one nearly always succeeds."""
        await asyncio.sleep(WAIT_S)
        async for attempt in stamina.retry_context(
            on=_is_worth_repeating, attempts=self._max_retries, timeout=None, wait_initial=WAIT_S, wait_jitter=WAIT_S
        ):
            with attempt:
                return await _first_of(model, prompt)
        raise AssertionError("the last attempt returns or raises")


async def _first_of(model: ClosableLLMClient, prompt: Prompt) -> tuple[LLMChunk, AsyncGenerator[LLMChunk]]:
    chunks = model.stream(prompt)
    return await anext(chunks), chunks


def _is_worth_repeating(error: Exception) -> bool:
    """A model that took too long has used up its time, and the SDK's own errors were repeated by the SDK."""
    return isinstance(error, LLMError) and error.retryable and not isinstance(error, LLMTimeoutError) and not retried_by_sdk(error)
