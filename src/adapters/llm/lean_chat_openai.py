"""ChatOpenAI with a stream that costs a fraction of the CPU time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from http import HTTPStatus
from math import isfinite
from typing import Any, cast

import httpx2
import openai
import orjson
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import _handle_openai_api_error, _handle_openai_bad_request
from pydantic import PrivateAttr, SecretStr

from adapters.llm.aiohttp_transport import BODY, AiohttpBody, AiohttpClient, Head
from adapters.llm.completion_frames import CompletionFrames, ErrorFrameError, Piece, text_chunk
from adapters.llm.request_body import BodyPattern
from adapters.llm.runnable_input import messages_of
from adapters.llm.server_sent_events import EventReader
from imcore.delta_window import WINDOW_S, until_tick
from imcore.prompt import Prompt

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

    What is set on the model or on its SDK client after the first request is not seen by the requests that follow.
    """

    window_s: float = WINDOW_S

    _head: Head | None = PrivateAttr(default=None)
    _pattern: BodyPattern | None = PrivateAttr(default=None)

    def body_of(self, prompt: Prompt, **options: Any) -> dict[str, Any]:
        """What ChatOpenAI sends for the messages of this prompt, which it takes fifty times as long to make."""
        if self._makes_bodies_of_its_own():
            return self._get_request_payload(messages_of(prompt), **options)
        pattern = self._pattern  # once: pydantic takes long over what is private
        if pattern is None or pattern.options != options:
            pattern = self._pattern = BodyPattern.learn(self._get_request_payload, options)
        return self._get_request_payload(messages_of(prompt), **options) if pattern is None else pattern.body(prompt)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        stream_usage: bool | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        payload = self._plain_payload(partial(self._get_request_payload, messages, stop=stop), stream_usage, kwargs)
        if payload is None:
            usage = {} if stream_usage is None else {"stream_usage": stream_usage}  # the Responses API's way does not take a None
            others = super()._astream(messages, stop, run_manager, **usage, **kwargs)
            async with aclosing(cast("AsyncGenerator[ChatGenerationChunk]", others)):
                async for chunk in others:
                    yield chunk
            return
        async with aclosing(self._pieces(payload)) as pieces:
            async for piece in pieces:
                chunk = text_chunk(piece) if isinstance(piece, str) else piece
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def stream_pieces(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        """What `_astream` gives for the prompt's messages; in place of chunks that hold text alone the text. To make messages and chunks
        costs as much as to send and to read what is in them."""
        payload = self._plain_payload(partial(self.body_of, prompt), None, {})
        return cast("AsyncGenerator[Piece]", super()._astream(messages_of(prompt))) if payload is None else self._pieces(payload)

    def _plain_payload(
        self, body: Callable[..., dict[str, Any]], stream_usage: bool | None, kwargs: dict[str, Any]
    ) -> dict[str, Any] | None:
        """What `body` makes with the options of a stream; None if the request takes ChatOpenAI's own way."""
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
        payload = body(**options)
        return payload if _is_plain(payload) else None

    def _makes_bodies_of_its_own(self) -> bool:
        """Whether a subclass may do with each text what it likes."""
        return type(self)._get_request_payload is not ChatOpenAI._get_request_payload  # noqa: SLF001  (LangChain's place for that)

    async def _ask(self, payload: dict[str, Any]) -> AiohttpBody:
        """The answer's body as soon as its headers are there.

        The request is sent past the SDK, whose part in it costs more CPU time than all the rest. What goes wrong is told to the SDK as the
        answer to its own first attempt: retries, redirects and errors are the SDK's.
        """
        http = cast("AiohttpClient", self.http_async_client)
        if not isinstance(self.openai_api_key, SecretStr):  # one that may change from request to request
            return _body_of(await self._ask_by_sdk(payload))
        answer = await http.send_directly(await self._find_head(http), encoded(payload))
        if isinstance(answer, AiohttpBody):
            return answer
        self._head = None  # the SDK may know better after what it is told: a cookie, another address
        with http.knowing(answer):
            return _body_of(await self._ask_by_sdk(payload))

    async def _find_head(self, http: AiohttpClient) -> Head:
        """What the SDK puts before each body: it makes one request, which is not sent."""
        if self._head is None:
            with http.knowing(httpx2.Response(HTTPStatus.OK)):
                self._head = Head.of((await self._ask_by_sdk({})).request)
        return self._head

    async def _ask_by_sdk(self, payload: dict[str, Any]) -> httpx2.Response:
        client: openai.AsyncOpenAI = self.root_async_client
        return await client.post(
            "/chat/completions", cast_to=httpx2.Response, body=payload, options={"security": {"bearer_auth": True}}, stream=True
        )

    async def _pieces(self, payload: dict[str, Any]) -> AsyncGenerator[Piece]:
        with _langchains_errors():
            async with aclosing(await self._ask(payload)) as body:
                with _sdks_errors(body.request):
                    events, frames = EventReader(), CompletionFrames(self._convert)
                    while not frames.done and (data := await body.read()):
                        for piece in frames.pieces(events.feed(data)):
                            yield piece
                        if frames.has_text and not frames.done and len(data) < BURST_BYTES:
                            body.hold(until_tick(asyncio.get_running_loop().time(), self.window_s))
                    for piece in frames.last():
                        yield piece
                    await body.end(END_PATIENCE_S)

    def _convert(self, frame: dict[str, Any]) -> ChatGenerationChunk | None:
        for choice in frame.get("choices") or ():
            choice.setdefault("delta", None)  # the SDK does so
        return self._convert_chunk_to_generation_chunk(frame, AIMessageChunk, None)


def _is_plain(payload: dict[str, Any]) -> bool:
    """Whether it asks for text alone, in numbers that JSON has: for others the SDK has its own words."""
    return payload.keys() <= _PLAIN and all(isfinite(value) for value in payload.values() if isinstance(value, float))


def encoded(payload: dict[str, Any]) -> bytes:
    """As JSON."""
    try:
        return orjson.dumps(payload)
    except orjson.JSONEncodeError:  # keys that are numbers, as in `logit_bias`; numbers beyond 64 bits; half a surrogate pair
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()  # as the SDK does


@contextmanager
def _langchains_errors() -> Iterator[None]:
    try:
        yield
    except openai.BadRequestError as error:
        _handle_openai_bad_request(error)
    except openai.APIError as error:
        _handle_openai_api_error(error)


@contextmanager
def _sdks_errors(request: httpx2.Request) -> Iterator[None]:
    try:
        yield
    except ErrorFrameError as error:
        raise openai.APIError(str(error), request, body=error.error) from None
    except httpx2.TimeoutException as error:
        raise openai.APITimeoutError(request) from error
    except httpx2.RequestError as error:
        raise openai.APIConnectionError(request=request) from error


def _body_of(response: httpx2.Response) -> AiohttpBody:
    body: AiohttpBody = response.extensions[BODY]
    return body
