"""LLMClient for every server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, LM Studio, gateways."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies
from weakref import WeakKeyDictionary

from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient, Timeout
from pydantic import SecretStr

from adapters.llm.aiohttp_transport import AiohttpClient
from adapters.llm.closable import ClientKind, ClosableLLMClient, ReplyMode
from adapters.llm.langchain import LangChainLLMClient
from adapters.llm.lean_chat_openai import LeanChatOpenAI
from adapters.llm.runnable_input import messages_of
from imcore.errors import LLMRefusedError
from imcore.ports import LLMChunk
from imcore.prompt import Prompt

if TYPE_CHECKING:
    from httpx2 import Response

log = logging.getLogger(__name__)

OPENAI_BASE_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT_S = 5.0

_NO_KEY = "none"  # a server of one's own asks for no key, but the SDK refuses to send an empty one


class OpenAICompatibleLLMClient(ClosableLLMClient):
    """ChatOpenAI with explicit time limits, with usage counts wherever the server gives them, with connections of each event loop's own.

    `kind` "lean" is `LeanChatOpenAI`, "chat-openai" the original, which is taken as well where the environment names a proxy.
    `read_timeout_s` is the longest silence on the wire. A request that was refused for now (408, 409, 429, 5xx) or not answered is
    repeated up to `max_retries` times, before its reply has begun; the server's Retry-After is obeyed, unless it is above
    `longest_wait_s`: then the error goes up at once.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        kind: ClientKind = "lean",
        mode: ReplyMode = "stream",
        read_timeout_s: float = 60.0,
        max_retries: int = 2,
        longest_wait_s: float = 20.0,
    ) -> None:
        self._model = model
        self._base_url = base_url or OPENAI_BASE_URL
        self._api_key = api_key or ""
        self._lean = kind == "lean" and not getproxies().keys() - {"no"}  # NO_PROXY alone names none
        self._mode: ReplyMode = mode
        self._timeout = Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S)
        self._max_retries = max_retries
        self._longest_wait_s = longest_wait_s
        self._asks_for_usage = True
        self._of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClient] = WeakKeyDictionary()

    def request(self, prompt: Prompt) -> Mapping[str, object]:
        """The body of the HTTP request. To be called on the event loop."""
        chat = self._here().chat
        options: dict[str, Any] = {}
        if self._mode == "stream":
            options = {"stream": True} | ({"stream_options": {"include_usage": True}} if chat.stream_usage else {})
        if isinstance(chat, LeanChatOpenAI):
            return chat.body_of(prompt, **options)
        return chat._get_request_payload(messages_of(prompt), **options)  # noqa: SLF001  (LangChain shows the exact body nowhere else)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        asked_for_usage = self._asks_for_usage
        try:
            async with aclosing(self._here().client.stream(prompt)) as chunks:
                async for chunk in chunks:
                    yield chunk
                return
        except LLMRefusedError as error:
            if not (asked_for_usage and "stream_options" in str(error.__cause__)):
                raise
        self._do_without_usage()
        async with aclosing(self._here().client.stream(prompt)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        here = self._of_loop.pop(asyncio.get_running_loop(), None)
        if here:
            await here.http.aclose()

    def _here(self) -> _LoopClient:
        """The client of the running event loop: a connection that was opened on another loop cannot be used."""
        loop = asyncio.get_running_loop()
        if loop not in self._of_loop:
            self._of_loop[loop] = self._build()
        return self._of_loop[loop]

    def _build(self) -> _LoopClient:
        new_http, new_chat = (AiohttpClient, LeanChatOpenAI) if self._lean else (DefaultAsyncHttpxClient, ChatOpenAI)
        http = new_http(timeout=self._timeout, event_hooks={"response": [self._refuse_long_waits]})
        chat = new_chat(
            model=self._model,
            base_url=self._base_url,
            api_key=SecretStr(self._api_key or _NO_KEY),
            timeout=self._timeout,
            max_retries=self._max_retries,
            stream_usage=self._asks_for_usage,
            stream_chunk_timeout=None,  # the limit on silence is ours, see `resilient`
            http_async_client=http,
            http_socket_options=(),
            openai_proxy=None,
        )
        client = LangChainLLMClient(
            chat, name=self._model, mode=self._mode, needs_finish_reason=True, secret=self._api_key, always_astream=not self._lean
        )
        return _LoopClient(http, chat, client)

    def _do_without_usage(self) -> None:
        if self._asks_for_usage:
            log.warning("the model's server refuses stream_options: no token counts from now on", extra={"model": self._model})
        self._asks_for_usage = False
        for client in self._of_loop.values():
            client.chat.stream_usage = False

    async def _refuse_long_waits(self, response: Response) -> None:
        """Have the SDK give up at once, by a header that it obeys, where the server wants a longer wait than a user has patience for."""
        with suppress(KeyError, ValueError):  # no Retry-After, or one that is a date
            if float(response.headers["retry-after"]) > self._longest_wait_s:
                response.headers["x-should-retry"] = "false"


@dataclass(frozen=True, slots=True)
class _LoopClient:
    http: DefaultAsyncHttpxClient
    chat: ChatOpenAI
    client: LangChainLLMClient
