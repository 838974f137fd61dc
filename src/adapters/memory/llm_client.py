"""A model that says what it was told to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from imcore.errors import LLMError
from imcore.ports import LLMChunk, LLMClient
from imcore.prompt import Prompt, approximate_tokens


def echo(prompt: Prompt) -> str:
    """The user's last message, said back."""
    return f"You said: {prompt[-1].content}"


class MemoryLLMClient(LLMClient):
    """Answers with `answer(prompt)`, word by word, `pause_s` apart; `answer` may raise an `LLMError`.

    `prompts` keeps every prompt that was streamed, `closed_early` counts the streams that were not read to their end.
    """

    def __init__(self, answer: Callable[[Prompt], str] = echo, *, pause_s: float = 0.0) -> None:
        self._answer = answer
        self._pause_s = pause_s
        self.prompts: list[Sequence[object]] = []
        self.closed_early = 0

    def request(self, prompt: Prompt) -> Mapping[str, object]:
        return {"model": "memory", "messages": [{"role": line.role.value, "content": line.content} for line in prompt]}

    async def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        self.prompts.append(tuple(prompt))
        ended = False
        try:
            text = self._answer(prompt)
            for word in _words(text):
                await asyncio.sleep(self._pause_s)
                yield LLMChunk(word)
            ended = True
            yield LLMChunk("", "stop", _tokens(prompt), approximate_tokens(text), "memory")
        except LLMError:
            ended = True
            raise
        finally:
            self.closed_early += not ended


def _words(text: str) -> list[str]:
    head, *rest = text.split(" ")
    return [head, *(f" {word}" for word in rest)]


def _tokens(prompt: Prompt) -> int:
    return sum(approximate_tokens(line.content) for line in prompt)
