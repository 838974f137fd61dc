"""The model of the benchmarks, inside the worker: 40 tokens in one second, as the reference's model writes them.

`IM_LLM=loadtest.benchmarks.paced_model:model`, or `:slow_model` that takes 80 seconds. It imports nothing of imcore.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

TOKENS = 40
FIRST_TOKEN_S = 1.0 / TOKENS
TEXT = "".join(f"tok{number} " for number in range(TOKENS))


class PacedModel(BaseChatModel):
    """`seconds` for a whole reply, the tokens evenly over them."""

    seconds: float = 1.0

    @property
    def _llm_type(self) -> str:
        return "paced"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del messages, stop, run_manager, kwargs
        return ChatResult(generations=[ChatGeneration(message=AIMessage(TEXT))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        del messages, stop, kwargs
        for number in range(TOKENS):
            await asyncio.sleep(self.seconds / TOKENS)
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=f"tok{number} "))
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


model = PacedModel()
slow_model = PacedModel(seconds=80.0)
