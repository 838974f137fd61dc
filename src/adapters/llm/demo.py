"""The built-in model of a fresh installation: no network, no key, no LangChain, and honest about it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping

from adapters.llm.closable import ClosableLLMClient, ReplyMode, as_json
from imcore.ports import LLMChunk
from imcore.prompt import Prompt, Role, approximate_tokens

MAX_QUOTE_CHARS = 300

_PIECE = re.compile(r"\s*\S{1,16}")  # a word, or a part of a long one: not every script has spaces


class DemoLLMClient(ClosableLLMClient):
    """Answers the same prompt always with the same text: what it is, what was said, how to connect a real model."""

    def __init__(self, *, tokens_per_s: float = 40.0, mode: ReplyMode = "stream") -> None:
        self._pause_s = 1 / tokens_per_s
        self._mode = mode

    def request(self, prompt: Prompt) -> Mapping[str, object]:
        return {"model": "demo", "messages": as_json(prompt)}

    async def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        text = _reply(prompt)
        pieces = _PIECE.findall(text)
        for piece in pieces:
            await asyncio.sleep(self._pause_s)
            if self._mode == "stream":
                yield LLMChunk(piece)
        yield LLMChunk(
            text="" if self._mode == "stream" else text,
            finish_reason="stop",
            prompt_tokens=sum(approximate_tokens(line.content) for line in prompt),
            completion_tokens=approximate_tokens(text),
            model="demo",
        )


def _reply(prompt: Prompt) -> str:
    said = prompt[-1].content.strip()
    quote = said if len(said) <= MAX_QUOTE_CHARS else said[:MAX_QUOTE_CHARS].rstrip() + "…"
    earlier = sum(line.role is not Role.SYSTEM for line in prompt[:-1])
    return (
        f"I am the demo model of imcore, not a language model. You said: “{quote}” "
        f"{_remembered(earlier)} To talk to a real model, set `IM_LLM_MODEL` and `IM_LLM_API_KEY`, "
        "or `IM_LLM_BASE_URL` for a server of your own, and start imcore again."
    )


def _remembered(earlier: int) -> str:
    if earlier == 0:
        return "It is the first message of our conversation."
    return f"I was also given {earlier} earlier {'message' if earlier == 1 else 'messages'} of our conversation."
