"""Either client of an OpenAI-compatible server, to be compared: what they are built with, and what came of asking them."""

from __future__ import annotations

from typing import Any

from adapters.llm.openai_compatible import OpenAICompatibleLLMClient
from imcore.errors import LLMError
from tests.stand_ins.http_script import DONE, END, STREAM, Step, chunked, frame
from tests.stand_ins.prompts import CONVERSATION
from tests.stand_ins.reading import read, text_of

GOOD: list[Step] = [STREAM, chunked(frame("Hi") + frame(finish_reason="stop") + DONE), END]
AT_ONCE = b"Retry-After-Ms: 1\r\n"
KINDS = ["lean", "chat-openai"]


async def outcome(client: OpenAICompatibleLLMClient, prompt: Any = CONVERSATION) -> Any:
    """The text, or the error and its words."""
    try:
        return text_of(await read(client, prompt))
    except LLMError as error:
        return type(error), error.detail


def build(kind: Any, base_url: str, *, model: str = "echo", **options: Any) -> OpenAICompatibleLLMClient:
    return OpenAICompatibleLLMClient(model, base_url=base_url, api_key="key", kind=kind, **options)
