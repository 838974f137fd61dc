"""A model's client together with the connections that it may hold."""

from __future__ import annotations

from typing import Literal, Protocol

from imcore.ports import LLMClient
from imcore.prompt import Prompt

ReplyMode = Literal["stream", "whole"]
"""Whether a reply comes piece by piece or in one piece."""

ClientKind = Literal["lean", "chat-openai"]
"""What speaks to an OpenAI-compatible server: see `OpenAICompatibleLLMClient`."""


class ClosableLLMClient(LLMClient, Protocol):
    """An LLMClient whose owner closes it, on the event loop that used it."""

    async def close(self) -> None:
        """Close idle connections; those of a running stream close with the stream. Nothing, where none are held."""
        return


def as_json(prompt: Prompt) -> list[dict[str, str]]:
    """The prompt as `[{"role": …, "content": …}, …]`."""
    return [{"role": line.role.value, "content": line.content} for line in prompt]
