"""The short way of a chat model's stream gives what LangChain's own gives, and is taken only where nobody listens in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.globals import set_debug, set_verbose
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.tracers.context import collect_runs

from adapters.llm.direct_stream import can_stream_directly, direct_stream, is_heard
from adapters.llm.langchain import LangChainLLMClient
from imcore.ports import LLMChunk
from imcore.prompt import PromptMessage, Role
from tests.stand_ins.prompts import CONVERSATION
from tests.stand_ins.reading import read

HELLO: list[BaseMessage] = [HumanMessage("Hello")]
PROMPT = [PromptMessage(Role.USER, "Hello")]


class Wordy(BaseChatModel):
    """Streams its words, the last with all that a provider may say at the end. `closed` counts the streams that were closed."""

    words: tuple[str, ...] = ("one ", "two ", "three")
    closed: int = 0

    @property
    def _llm_type(self) -> str:
        return "wordy"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            for word in self.words:
                yield ChatGenerationChunk(message=AIMessageChunk(content=word))
            usage: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
            last = AIMessageChunk(content="", usage_metadata=usage, response_metadata={"model_name": "wordy-1"})
            yield ChatGenerationChunk(message=last, generation_info={"finish_reason": "stop", "model_name": "not this"})
        finally:
            self.closed += 1


class ItsOwnWay(Wordy):
    async def astream(self, *_: Any, **__: Any) -> AsyncIterator[AIMessageChunk]:
        yield AIMessageChunk(content="its own")


class WithoutStream(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "without"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError


class Listener(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[Any] = []

    async def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.tokens.append(token)


async def test_the_pieces_are_those_of_astream_and_say_as_much() -> None:
    original = [chunk async for chunk in Wordy().astream(HELLO)]
    direct = [piece async for piece in direct_stream(Wordy(), PROMPT)]
    told = [(piece.content, piece.response_metadata, piece.usage_metadata) for piece in direct if isinstance(piece, AIMessageChunk)]
    *pieces, end = original
    assert told == [(piece.content, piece.response_metadata, piece.usage_metadata) for piece in pieces]
    assert (end.content, end.chunk_position) == ("", "last")  # LangChain's own, which says nothing of the reply


async def test_the_client_reads_the_same_of_both_ways() -> None:
    short = await read(LangChainLLMClient(Wordy(), name="wordy"), CONVERSATION)
    assert short == await read(LangChainLLMClient(Wordy(), name="wordy", always_astream=True), CONVERSATION)
    assert short[-1] == LLMChunk("", "stop", 3, 2, "wordy-1")


async def test_a_stream_without_pieces_fails_as_astream_does() -> None:
    class Silent(Wordy):
        async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
            for nothing in ():
                yield nothing

    failures = []
    for stream in (Silent().astream(HELLO), direct_stream(Silent(), PROMPT)):
        with pytest.raises(ValueError) as raised:  # noqa: PT011  (its words are compared below)
            async for _ in stream:
                pass
        failures.append(str(raised.value))
    assert failures[0] == failures[1]


async def test_a_model_that_wants_its_stop_words_is_given_none() -> None:
    class Wanting(Wordy):
        async def _astream(  # type: ignore[override]  # a model of somebody who forgot the default
            self, messages: list[BaseMessage], stop: list[str] | None, **_: Any
        ) -> AsyncIterator[ChatGenerationChunk]:
            yield ChatGenerationChunk(message=AIMessageChunk(content=f"{len(messages)} {stop}"))

    for stream in (Wanting().astream(HELLO), direct_stream(Wanting(), PROMPT)):
        first = await anext(aiter(stream))
        assert isinstance(first, AIMessageChunk)
        assert first.content == "1 None"


async def test_a_reader_that_leaves_closes_the_models_stream_at_once() -> None:
    model = Wordy()
    async with aclosing(direct_stream(model, PROMPT)) as pieces:
        await anext(pieces)
        assert model.closed == 0
    assert model.closed == 1


@pytest.mark.parametrize(
    "runnable",
    [
        pytest.param(ItsOwnWay(), id="its-own-astream"),
        pytest.param(WithoutStream(), id="no-stream"),
        pytest.param(GenericFakeChatModel(messages=iter([AIMessage("a")])), id="a-stream-for-threads-alone"),
        pytest.param(Wordy(disable_streaming=True), id="streaming-switched-off"),
        pytest.param(Wordy(rate_limiter=InMemoryRateLimiter()), id="rate-limited"),
        pytest.param(Wordy(output_version="v1"), id="content-in-blocks"),
        pytest.param(Wordy().bind(stop=["x"]), id="bound"),
        pytest.param(Wordy().with_retry(), id="with-retry"),
    ],
)
def test_whatever_astream_does_more_for_goes_its_way(runnable: Any) -> None:
    assert not can_stream_directly(runnable)


@pytest.fixture
def _langchain_as_it_was() -> Iterator[None]:
    yield
    set_debug(False)
    set_verbose(False)


@pytest.mark.usefixtures("_langchain_as_it_was")
async def test_a_model_is_heard_by_callbacks_of_every_kind() -> None:
    assert not is_heard(Wordy())
    assert is_heard(Wordy(callbacks=[BaseCallbackHandler()]))
    assert is_heard(Wordy(verbose=True))
    with collect_runs():
        assert is_heard(Wordy())
    set_debug(True)
    assert is_heard(Wordy())
    set_debug(False)
    assert not is_heard(Wordy())


async def test_a_callback_hears_each_token_of_the_client_and_the_reply_is_the_same() -> None:
    listener = Listener()
    chunks = await read(LangChainLLMClient(Wordy(callbacks=[listener]), name="wordy"), CONVERSATION)
    assert listener.tokens[:3] == ["one ", "two ", "three"]
    assert chunks == await read(LangChainLLMClient(Wordy(), name="wordy"), CONVERSATION)
