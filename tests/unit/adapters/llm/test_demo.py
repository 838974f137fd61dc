"""The demo model is honest, remembers and is always the same."""

from __future__ import annotations

import subprocess
import sys

from adapters.llm.demo import MAX_QUOTE_CHARS, DemoLLMClient
from imcore.prompt import approximate_tokens
from tests.stand_ins.prompts import CONVERSATION, says
from tests.stand_ins.reading import read, text_of

FAST = 1e6


async def test_it_says_that_it_is_a_demo_and_how_to_set_a_real_model() -> None:
    text = text_of(await read(DemoLLMClient(tokens_per_s=FAST), CONVERSATION))
    assert "demo" in text
    for setting in ("IM_LLM_MODEL", "IM_LLM_BASE_URL", "IM_LLM_API_KEY"):
        assert setting in text


async def test_it_quotes_the_user_and_knows_how_much_history_it_was_given() -> None:
    text = text_of(await read(DemoLLMClient(tokens_per_s=FAST), CONVERSATION))
    assert CONVERSATION[-1].content in text
    assert "2 earlier messages" in text
    assert "first message" in text_of(await read(DemoLLMClient(tokens_per_s=FAST), says("Hello")))


async def test_the_same_prompt_gets_the_same_reply_in_both_modes() -> None:
    streamed = await read(DemoLLMClient(tokens_per_s=FAST), CONVERSATION)
    (whole,) = await read(DemoLLMClient(tokens_per_s=FAST, mode="whole"), CONVERSATION)
    assert text_of(streamed) == whole.text
    assert streamed[-1].completion_tokens == whole.completion_tokens == approximate_tokens(whole.text)


async def test_a_long_message_is_quoted_in_part() -> None:
    text = text_of(await read(DemoLLMClient(tokens_per_s=FAST), says("x" * 5000)))
    assert "x" * MAX_QUOTE_CHARS + "…" in text


async def test_text_without_spaces_streams_in_pieces_too() -> None:
    chunks = await read(DemoLLMClient(tokens_per_s=FAST), says("咖" * 200))
    assert "咖" * 200 in text_of(chunks)
    assert max(len(chunk.text) for chunk in chunks) < 30


def test_it_is_built_without_importing_langchain() -> None:
    code = (
        "import sys; from adapters.llm import LLMOptions, build_llm_client; build_llm_client(LLMOptions());"
        "sys.exit(any(name.split('.')[0] in {'aiohttp', 'langchain_core', 'langchain_openai', 'openai'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
