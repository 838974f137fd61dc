"""ChatOpenAI with a stream that costs a fraction of the CPU time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import httpx2
import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import _handle_openai_api_error, _handle_openai_bad_request

from adapters.llm.aiohttp_transport import BODY, AiohttpBody, AiohttpClient
from adapters.llm.completion_frames import CompletionFrames, ErrorFrameError
from adapters.llm.server_sent_events import EventReader
from imcore.delta_window import WINDOW_S, until_tick

BURST_BYTES = 32 * 1024
END_PATIENCE_S = 0.1

_PLAIN = frozenset(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "stop",
        "temperature",
        "top_p",
        "max_completion_tokens",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "logit_bias",
        "reasoning_effort",
        "verbosity",
        "service_tier",
        "store",
        "metadata",
        "user",
    ]
)


class LeanChatOpenAI(ChatOpenAI):
    """ChatOpenAI whose `astream` reads the server-sent events itself.

    The first text is passed on at once; from then on all that comes until the next tick of `window_s` becomes one chunk.

    A request that asks for more than text (tools, structured output, logprobs, `n`, `extra_body`, … : anything but the parameters in
    `_PLAIN`), a model that is set to the Responses API, to content blocks, to response headers, to a gateway or to
    `stream_chunk_timeout`, and any HTTP client but `AiohttpClient` take ChatOpenAI's own way. So do `stream`, `invoke` and `ainvoke`.
    """

    window_s: float = WINDOW_S

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        stream_usage: bool | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        payload = self._plain_payload(messages, stop, stream_usage, kwargs)
        if payload is None:
            others = super()._astream(messages, stop, run_manager, stream_usage=stream_usage, **kwargs)
            async with aclosing(cast("AsyncGenerator[ChatGenerationChunk]", others)):
                async for chunk in others:
                    yield chunk
            return
        try:
            response = await self._ask(payload)
            async with aclosing(response), aclosing(self._chunks(response)) as chunks:
                async for chunk in chunks:
                    if run_manager:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
        except openai.BadRequestError as error:
            _handle_openai_bad_request(error)
        except openai.APIError as error:
            _handle_openai_api_error(error)

    def _plain_payload(
        self, messages: list[BaseMessage], stop: list[str] | None, stream_usage: bool | None, kwargs: dict[str, Any]
    ) -> dict[str, Any] | None:
        """The body of the request, None if it takes ChatOpenAI's own way."""
        if (
            not isinstance(self.http_async_client, AiohttpClient)
            or self.include_response_headers
            or self._uses_gateway
            or self.stream_chunk_timeout is not None
            or self.output_version not in {None, "v0"}
            or self._use_responses_api({**kwargs, **self.model_kwargs})
        ):
            return None
        options = {**kwargs, "stream": True}
        if self._should_stream_usage(stream_usage, **options):
            options["stream_options"] = {"include_usage": True}
        payload = self._get_request_payload(messages, stop=stop, **options)
        return payload if payload.keys() <= _PLAIN else None

    async def _ask(self, payload: dict[str, Any]) -> httpx2.Response:
        """The answer as soon as its headers are there: with the SDK's retries, and its errors."""
        client: openai.AsyncOpenAI = self.root_async_client
        return await client.post(
            "/chat/completions", cast_to=httpx2.Response, body=payload, options={"security": {"bearer_auth": True}}, stream=True
        )

    async def _chunks(self, response: httpx2.Response) -> AsyncGenerator[ChatGenerationChunk]:
        body: AiohttpBody = response.extensions[BODY]
        events, frames = EventReader(), CompletionFrames(self._convert)
        try:
            while not frames.done and (data := await body.read()):
                for chunk in frames.chunks(events.feed(data)):
                    yield chunk
                if frames.has_text and not frames.done and len(data) < BURST_BYTES:
                    await body.gather(until_tick(asyncio.get_running_loop().time(), self.window_s))
            for chunk in frames.last():
                yield chunk
            await body.end(END_PATIENCE_S)
        except ErrorFrameError as error:
            raise openai.APIError(str(error), response.request, body=error.error) from None
        except httpx2.TimeoutException as error:
            raise openai.APITimeoutError(response.request) from error
        except httpx2.RequestError as error:
            raise openai.APIConnectionError(request=response.request) from error

    def _convert(self, frame: dict[str, Any]) -> ChatGenerationChunk | None:
        for choice in frame.get("choices") or ():
            choice.setdefault("delta", None)  # the SDK does so
        return self._convert_chunk_to_generation_chunk(frame, AIMessageChunk, None)
