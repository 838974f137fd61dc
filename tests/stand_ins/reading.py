"""Reading a client's stream in a test."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from imcore.ports import LLMChunk, LLMClient
from imcore.prompt import Prompt


async def read(client: LLMClient, prompt: Prompt) -> list[LLMChunk]:
    """All chunks of a reply."""
    async with aclosing(client.stream(prompt)) as chunks:
        return [chunk async for chunk in chunks]


def text_of(chunks: Sequence[LLMChunk]) -> str:
    """The reply that they make."""
    return "".join(chunk.text for chunk in chunks)
