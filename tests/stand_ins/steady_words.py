"""A chain for `IM_LLM=tests.stand_ins.steady_words:chain`: a known reply to every message, word by word at a known pace.

The reply is a function of the user's last message alone, so a client can tell whether a reply is that to its own message. A message that
contains `words=6000` is answered with that many words, as fast as they go.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from tests.stand_ins.openai_replies import reply_text

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

WORDS = 20
PAUSE_S = 0.06
WORDS_AT_ONCE = 1000


def expected_reply(message: str) -> str:
    """What this chain answers, and what the stand-in for OpenAI does with `--tokens 20`."""
    asked = re.search(r"words=(\d+)", message)
    return reply_text([{"content": message}], int(asked[1]) if asked else WORDS)


def chain() -> Runnable[Any, str]:
    """The Runnable."""
    from langchain_core.runnables import RunnableGenerator  # noqa: PLC0415  (a second that only the worker needs to spend)

    return RunnableGenerator(_reply)


async def _reply(prompts: AsyncIterator[Any]) -> AsyncIterator[str]:
    async for prompt in prompts:
        for piece in _pieces(_last_text(prompt)):
            yield piece
            await asyncio.sleep(PAUSE_S)


def _pieces(message: str) -> Iterator[str]:
    words = re.findall(r"\S+\s*|\s+", expected_reply(message))
    size = WORDS_AT_ONCE if "words=" in message else 1
    return ("".join(words[start : start + size]) for start in range(0, len(words), size))


def _last_text(prompt: Any) -> str:
    messages = prompt.to_messages() if hasattr(prompt, "to_messages") else prompt
    last = messages[-1]
    return str(last.content if hasattr(last, "content") else last["content"])
