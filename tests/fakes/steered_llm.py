"""A model that says what the test tells it to, when the test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from imcore.errors import LLMError
from imcore.ports import LLMChunk, LLMClient
from imcore.prompt import Prompt


class SteeredStream:
    """One reply being asked for; `closed` is set when nobody reads it any more."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.closed = asyncio.Event()
        self._chunks: asyncio.Queue[LLMChunk | LLMError] = asyncio.Queue()

    @property
    def has_unread(self) -> bool:
        return not self._chunks.empty()

    def say(self, text: str) -> None:
        self._chunks.put_nowait(LLMChunk(text))

    def end(self, text: str = "") -> None:
        self._chunks.put_nowait(LLMChunk(text, finish_reason="stop", model="steered"))

    def fail(self, error: LLMError) -> None:
        self._chunks.put_nowait(error)

    async def chunks(self) -> AsyncGenerator[LLMChunk]:
        try:
            while True:
                chunk = await self._chunks.get()
                if isinstance(chunk, LLMError):
                    raise chunk
                yield chunk
                if chunk.finish_reason:
                    return
        finally:
            self.closed.set()


class SteeredLLMClient(LLMClient):
    """`await asked()` gives the next stream that a writer asked for. With `echo` every message is answered at once."""

    def __init__(self, *, echo: bool = False) -> None:
        self._echo = echo
        self._asked: asyncio.Queue[SteeredStream] = asyncio.Queue()

    async def asked(self) -> SteeredStream:
        return await self._asked.get()

    def request(self, prompt: Prompt) -> Mapping[str, object]:
        return {"model": "steered", "messages": [{"role": line.role.value, "content": line.content} for line in prompt]}

    def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        stream = SteeredStream(prompt)
        if self._echo:
            stream.end(f"You said: {prompt[-1].content}")
        self._asked.put_nowait(stream)
        return stream.chunks()
