"""Replies read from an OpenAI-compatible server by one of the model's clients."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from adapters.llm.closable import ClientKind
from adapters.llm.factory import LLMOptions, build_llm_client
from imcore.prompt import PromptMessage, Role
from loadtest.benchmarks.clients.load import spread
from loadtest.benchmarks.clients.tally import Tally, now
from loadtest.benchmarks.parts.work.conversation import PROMPT_MESSAGES, TEXT
from loadtest.benchmarks.parts.work.tasks_load import TasksLoad

BEGIN_WITHIN_S = 1.0


class ModelReplies(TasksLoad):
    """`callers` closed loops, a reply of `tokens` words each time. Counts `replies` and the `pieces` in which they came."""

    def __init__(self, tally: Tally, *, base_url: str, client: ClientKind, callers: int, tokens: int) -> None:
        super().__init__(tally)
        self._llm = build_llm_client(LLMOptions(model="paced", base_url=base_url, api_key="none", client=client))
        self._count, self._tokens = callers, tokens

    async def connect(self) -> None:
        """With the first reply."""
        await self._read(_prompt(self._count))

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        return (self._call(number, begin_in_s) for number, begin_in_s in spread(self._count, BEGIN_WITHIN_S))

    async def closed(self) -> None:
        await self._llm.close()

    async def _call(self, number: int, begin_in_s: float) -> None:
        await asyncio.sleep(begin_in_s)
        prompt = _prompt(number)
        while not self.is_stopped:
            await self._read(prompt)

    async def _read(self, prompt: list[PromptMessage]) -> None:
        begun, text, reason = now(), "", None
        async for chunk in self._llm.stream(prompt):
            if chunk.text and not text:
                self.tally.time("first_token", now() - begun)
            text += chunk.text
            reason = chunk.finish_reason or reason
            self.tally.count("pieces")
        if len(text.split()) != self._tokens or reason != "stop":
            self.tally.fail(f"{reason}, {text!r}")
        self.tally.count("replies")


def _prompt(number: int) -> list[PromptMessage]:
    """A history of questions and answers, and the question of this caller."""
    history = [PromptMessage(Role.ASSISTANT if place % 2 else Role.USER, TEXT) for place in range(PROMPT_MESSAGES)]
    return [*history, PromptMessage(Role.USER, f"{TEXT} {number}")]
