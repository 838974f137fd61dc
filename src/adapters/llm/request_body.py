"""The bodies of requests that hold text alone: what ChatOpenAI makes, which is asked once for what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage


@dataclass(frozen=True, slots=True)
class BodyPattern:
    """`rest` is all but the messages. What a role is called depends on the model: OpenAI's reasoning models have no "system"."""

    options: Mapping[str, Any]
    rest: Mapping[str, Any]
    roles: Mapping[type[BaseMessage], str]

    @classmethod
    def learn(cls, make: Callable[..., dict[str, Any]], options: Mapping[str, Any]) -> Self | None:
        """From what `make` (ChatOpenAI's own method) gives with these options; None for a model of another API than chat completions."""
        samples = [kind(content="sample") for kind in (SystemMessage, HumanMessage, AIMessage)]
        body = make(samples, **options)
        lines = body.pop("messages", None)
        if lines is None:
            return None
        return cls(options, body, {type(sample): line["role"] for sample, line in zip(samples, lines, strict=True)})

    def body(self, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        return {**self.rest, "messages": [{"role": self.roles[type(message)], "content": message.content} for message in messages]}


@dataclass(frozen=True, slots=True)
class PreparedBody:
    """Of these messages, the very same list, with these options."""

    messages: list[BaseMessage]
    options: Mapping[str, Any]
    body: dict[str, Any]

    def is_of(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> bool:
        return self.messages is messages and self.options == options
