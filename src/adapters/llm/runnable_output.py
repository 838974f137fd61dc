"""What a LangChain Runnable gives: text in many wrappings, and somewhere in it how the reply ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_messages
from langchain_core.outputs import ChatGeneration, LLMResult

from imcore.errors import LLMBadOutputError, LLMStreamCutError
from imcore.ports import LLMChunk

_FINISH_REASONS = ("finish_reason", "stop_reason", "stopReason", "done_reason")
_TEXT_KEYS = ("answer", "output", "text", "content")
_WANTED = "strings, messages, or dicts with `messages`, `answer` or `output`"


class Ending:
    """How the model's part in a reply ended, as far as it tells: it may be called more than once in a reply (agents)."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.model: str | None = None
        self.provider: str | None = None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None

    def hear(self, message: AIMessage) -> None:
        """Learn from a message or from a piece of one; what a piece does not say stays as it was."""
        metadata = message.response_metadata
        if metadata:
            self.finish_reason = next((metadata[key] for key in _FINISH_REASONS if metadata.get(key)), self.finish_reason)
            self.model = metadata.get("model_name") or metadata.get("model") or self.model
            self.provider = metadata.get("model_provider") or self.provider
        if usage := message.usage_metadata:
            self.prompt_tokens = usage["input_tokens"] or self.prompt_tokens
            self.completion_tokens = usage["output_tokens"] or self.completion_tokens

    def follow(self, later: Ending) -> None:
        """A further call of a model has ended: its end counts, the tokens add up."""
        self.finish_reason, self.provider = later.finish_reason, later.provider
        self.model = later.model or self.model
        self.prompt_tokens = _sum(self.prompt_tokens, later.prompt_tokens)
        self.completion_tokens = _sum(self.completion_tokens, later.completion_tokens)

    def last_chunk(self, *, text: str, model: str, needs_reason: bool) -> LLMChunk:
        """The chunk that ends the reply.

        Raises:
            LLMStreamCutError: the model never said why it stopped, although it (`needs_reason`) or its kind always does.
        """
        if not self.finish_reason and (needs_reason or self.provider == "openai"):
            raise LLMStreamCutError("The model's stream ended without a finish reason: the reply is not whole.")
        return LLMChunk(text, self.finish_reason or "stop", self.prompt_tokens, self.completion_tokens, self.model or model)


class ModelWatch(AsyncCallbackHandler):
    """Hears how every model inside a chain or graph ends: parsers drop what the messages say about it."""

    run_inline = True  # else LangChain makes a task for every token

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    async def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        generation = response.generations[0][0]
        if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
            call = Ending()
            call.hear(generation.message)
            self._ending.follow(call)


class Transcript:
    """Takes the text out of a Runnable's outputs: messages, strings, a graph's states and updates, dicts with an answer."""

    def __init__(self) -> None:
        self._has_text = False
        self._told: set[str | int] = set()

    def text_of(self, output: object) -> str:
        """The text that this output adds to the reply, "" if none.

        Raises:
            LLMBadOutputError: it is nothing that can hold text.
        """
        given = output.content if type(output) is AIMessageChunk else output  # nearly all are; pydantic's `isinstance` takes a microsecond
        text = given if isinstance(given, str) else self._extract(output)
        self._has_text = self._has_text or bool(text)
        return text

    def check(self, last_output: object) -> None:
        """Call it at the end: raises `LLMBadOutputError` if dicts came and none had a text."""
        if not self._has_text and isinstance(last_output, Mapping):
            keys = ", ".join(map(str, last_output))
            raise LLMBadOutputError(f"The chain gave a dict without a text (it has {keys or 'no keys'}); wanted are {_WANTED}.")

    def _extract(self, output: object) -> str:
        match output:
            case str():
                return output
            case AIMessage(content=str() as text):  # the same as `output.text`, for less
                return text
            case AIMessage():
                return output.text
            case BaseMessage():  # of a tool or of the user: not the AI's text
                return ""
            case (BaseMessage() as message, dict()):  # a graph's stream_mode="messages"
                return self._extract(message)
            case Mapping():
                return "".join(self._of_mapping(output))
            case _:
                raise LLMBadOutputError(f"The chain gave a {type(output).__name__}; wanted are {_WANTED}.")

    def _of_mapping(self, output: Mapping[Any, Any]) -> Iterator[str]:
        for state in (output, *output.values()):
            if isinstance(state, Mapping) and isinstance(state.get("messages"), Sequence) and state["messages"]:
                yield self._of_last(state["messages"])
                return
        for key in _TEXT_KEYS:
            if isinstance(output.get(key), str | AIMessage):
                yield self._extract(output[key])
                return

    def _of_last(self, messages: Sequence[Any]) -> str:
        """The last message's text, if it is the AI's and was not told before: states repeat it."""
        message = convert_to_messages(messages[-1:])[0]
        identity = message.id or id(messages[-1])
        if not isinstance(message, AIMessage) or identity in self._told:
            return ""
        self._told.add(identity)
        return message.text


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)
