"""What Runnables of every kind are given, and what is made of what they give."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough

from adapters.llm.errors import WrongLLMSettingsError
from adapters.llm.langchain import LangChainLLMClient
from adapters.llm.runnable_input import messages_of
from imcore.errors import LLMBadOutputError, LLMError, LLMStreamCutError, LLMTimeoutError, LLMUnavailableError
from imcore.prompt import Role
from tests.stand_ins.prompts import CONVERSATION
from tests.stand_ins.reading import read, text_of

MESSAGES = messages_of(CONVERSATION)
LAST = CONVERSATION[-1].content


def model(*replies: AIMessage) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=itertools.cycle(replies or [AIMessage("Around the corner.")]))


def gives(*outputs: object) -> Runnable[Any, Any]:
    async def generate(_: AsyncIterator[object]) -> AsyncIterator[object]:
        for output in outputs:
            yield output

    return RunnableGenerator(generate)


def client_of(runnable: Runnable[Any, Any], **options: Any) -> LangChainLLMClient:
    return LangChainLLMClient(runnable, name="probe", **options)


class Graph(RunnableGenerator[Any, Any]):
    """A compiled graph as far as a client can tell: `stream_mode` chooses between tokens and states."""

    stream_mode = "updates"

    async def astream(self, input: Any, *_: Any, stream_mode: str = "updates", **__: Any) -> AsyncIterator[Any]:  # noqa: A002  (LangChain's name)
        assert list(input) == ["messages"]
        assert stream_mode == "messages"
        for token in ("Around", " the corner."):
            yield AIMessageChunk(token), {"langgraph_node": "model"}
        yield ToolMessage("a tool's result", tool_call_id="1"), {"langgraph_node": "tools"}


# Inputs


def takes(given: list[object]) -> Callable[[object], str]:
    def take(value: object) -> str:
        given.append(value)
        return "ok"

    return take


async def given_to(prompt: ChatPromptTemplate) -> list[Any]:
    given: list[Any] = []
    await read(client_of(prompt | RunnableLambda(takes(given))), CONVERSATION)
    return [(message.type, message.content) for message in given[0].to_messages()]


async def test_a_runnable_without_a_declared_input_is_given_the_messages() -> None:
    given: list[object] = []
    await read(client_of(RunnableLambda(takes(given))), CONVERSATION)
    assert given == [MESSAGES]


async def test_a_runnable_of_a_string_is_given_the_users_text() -> None:
    def answer(question: str) -> str:
        return f"You ask: {question}"

    assert text_of(await read(client_of(RunnableLambda(answer)), CONVERSATION)) == f"You ask: {LAST}"


async def test_a_prompt_with_messages_is_given_all_of_them() -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Be polite."), ("placeholder", "{messages}")])
    assert await given_to(prompt) == [("system", "Be polite."), *[(message.type, message.content) for message in MESSAGES]]


async def test_a_prompt_with_one_variable_is_given_the_users_text() -> None:
    assert await given_to(ChatPromptTemplate.from_messages([("human", "Answer: {question}")])) == [("human", f"Answer: {LAST}")]


@pytest.mark.parametrize("optional", [True, False])
async def test_a_prompt_with_a_variable_and_a_history_is_given_both(optional: bool) -> None:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history", optional=optional), ("human", "{input}")])
    assert await given_to(prompt) == [(message.type, message.content) for message in MESSAGES]


async def test_a_prompt_with_a_list_of_another_name_is_given_the_messages() -> None:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("talk")])
    assert await given_to(prompt) == [(message.type, message.content) for message in MESSAGES]


async def test_a_retrieval_chain_is_given_the_question() -> None:
    prompt = ChatPromptTemplate.from_template("{context} {question}")
    chain = RunnablePassthrough.assign(context=lambda _: "A map.") | prompt | (lambda value: value.to_string())
    assert text_of(await read(client_of(chain), CONVERSATION)) == f"Human: A map. {LAST}"


def test_variables_without_a_known_meaning_are_refused_by_name() -> None:
    with pytest.raises(WrongLLMSettingsError, match=r"IM_LLM: .* language, tone"):
        client_of(ChatPromptTemplate.from_template("{language} {tone}") | model())


async def test_the_request_shows_the_variables_and_only_the_messages_that_are_given() -> None:
    chain = ChatPromptTemplate.from_template("{question}") | model()
    assert client_of(chain).request(CONVERSATION) == {
        "model": "probe",
        "messages": [{"role": "user", "content": LAST}],
        "variables": {"question": LAST},
    }


async def test_a_prompts_roles_become_messages_of_their_kind() -> None:
    assert [message.type for message in MESSAGES] == ["system", "human", "ai", "human"]
    assert [line.role for line in CONVERSATION] == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER]


# Outputs


@pytest.mark.parametrize(
    "outputs",
    [
        ["Around", " the corner."],
        [AIMessageChunk("Around"), AIMessageChunk(" the corner.")],
        [AIMessageChunk([{"type": "text", "text": "Around"}]), AIMessageChunk([{"type": "text", "text": " the corner."}])],
        [(AIMessageChunk("Around"), {"node": "a"}), (ToolMessage("42", tool_call_id="1"), {}), (AIMessageChunk(" the corner."), {})],
        [{"model": {"messages": [AIMessage("Around the corner.")]}}, {"tools": {"messages": [ToolMessage("42", tool_call_id="1")]}}],
        [{"messages": MESSAGES}, {"messages": [*MESSAGES, AIMessage("Around the corner.", id="1")]}],
        [{"messages": [AIMessage("Around the corner.", id="1")]}, {"messages": [AIMessage("Around the corner.", id="1")], "docs": []}],
        [{"messages": [HumanMessage("Where?"), {"role": "assistant", "content": "Around the corner."}]}],
        [{"context": [Document("A map")]}, {"answer": "Around"}, {"answer": " the corner."}],
        [{"input": "Where?", "output": "Around the corner."}],
    ],
    ids=["strings", "chunks", "blocks", "tuples", "updates", "states", "repeated-state", "role-dicts", "retrieval", "executor"],
)
async def test_text_is_found_in_every_usual_wrapping(outputs: list[object]) -> None:
    assert text_of(await read(client_of(gives(*outputs)), CONVERSATION)) == "Around the corner."


@pytest.mark.parametrize("outputs", [[7], [Document("A map")], [{"documents": []}], [None]], ids=["number", "document", "no-text", "none"])
async def test_what_holds_no_text_is_an_error_that_says_what_is_wanted(outputs: list[object]) -> None:
    with pytest.raises(LLMBadOutputError, match="wanted are strings"):
        await read(client_of(gives(*outputs)), CONVERSATION)


async def test_a_graph_streams_its_tokens_and_not_its_tools() -> None:
    async def unused(_: AsyncIterator[object]) -> AsyncIterator[object]:
        yield

    chunks = await read(client_of(Graph(unused)), CONVERSATION)
    assert [chunk.text for chunk in chunks] == ["Around", " the corner.", ""]


async def test_in_whole_mode_a_runnable_is_asked_once_for_all() -> None:
    (chunk,) = await read(client_of(gives("Around", " the corner."), mode="whole"), CONVERSATION)
    assert (chunk.text, chunk.finish_reason, chunk.model) == ("Around the corner.", "stop", "probe")


# How a reply ends


def ended(**metadata: object) -> AIMessage:
    usage = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
    return AIMessage("Around the corner.", response_metadata=metadata, usage_metadata=usage)


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: model | StrOutputParser()], ids=["model", "parsed"])
async def test_the_end_of_the_model_is_known_behind_a_parser_too(wrap: Callable[[Any], Any]) -> None:
    reply = ended(finish_reason="length", model_name="big", model_provider="openai")
    last = (await read(client_of(wrap(model(reply)), mode="whole"), CONVERSATION))[-1]
    assert (last.finish_reason, last.model, last.prompt_tokens, last.completion_tokens) == ("length", "big", 5, 3)


@pytest.mark.parametrize("key", ["finish_reason", "stop_reason", "stopReason", "done_reason"])
async def test_every_providers_word_for_the_finish_reason_is_understood(key: str) -> None:
    last = (await read(client_of(model(ended(**{key: "end_turn"})), mode="whole"), CONVERSATION))[-1]
    assert last.finish_reason == "end_turn"


async def test_the_tokens_of_several_model_calls_add_up() -> None:
    first, second = model(ended(model_name="small")), model(ended(model_name="big"))
    chain = first | (lambda message: [message]) | second | StrOutputParser()
    last = (await read(client_of(chain, mode="whole"), CONVERSATION))[-1]
    assert (last.model, last.prompt_tokens, last.completion_tokens) == ("big", 10, 6)


async def test_a_chain_whose_model_was_cut_short_is_not_a_whole_reply() -> None:
    chain = model(ended(model_provider="openai")) | StrOutputParser()
    with pytest.raises(LLMStreamCutError):
        await read(client_of(chain, mode="whole"), CONVERSATION)


# Errors


def fails(error: Exception) -> Runnable[Any, Any]:
    def fail(_: object) -> Iterable[str]:
        raise error

    return RunnableLambda(fail)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), LLMTimeoutError),
        (ConnectionRefusedError("refused"), LLMUnavailableError),
        (LLMBadOutputError("as it is"), LLMBadOutputError),
        (KeyError("question"), LLMError),
    ],
)
async def test_whatever_a_chain_raises_is_a_typed_error(error: Exception, kind: type[LLMError]) -> None:
    with pytest.raises(LLMError) as raised:
        await read(client_of(fails(error)), CONVERSATION)
    assert type(raised.value) is kind


async def test_a_connection_that_breaks_after_the_first_token_cuts_the_reply() -> None:
    async def break_off(_: AsyncIterator[object]) -> AsyncIterator[str]:
        yield "Around"
        raise ConnectionResetError("reset")

    with pytest.raises(LLMStreamCutError):
        await read(client_of(RunnableGenerator(break_off)), CONVERSATION)


async def test_a_parser_that_does_not_understand_the_model_is_bad_output() -> None:
    with pytest.raises(LLMBadOutputError):
        await read(client_of(model() | JsonOutputParser(), mode="whole"), CONVERSATION)
