"""The bodies of requests that hold text alone: what ChatOpenAI makes, which is asked once for what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from adapters.llm.runnable_input import messages_of
from imcore.prompt import Prompt, PromptMessage, Role


@dataclass(frozen=True, slots=True)
class BodyPattern:
    """`rest` is all but the messages. What a role is called depends on the model: OpenAI's reasoning models have no "system"."""

    options: Mapping[str, Any]
    rest: Mapping[str, Any]
    roles: Mapping[Role, str]

    @classmethod
    def learn(cls, make: Callable[..., dict[str, Any]], options: Mapping[str, Any]) -> Self | None:
        """From what `make` (ChatOpenAI's own method) gives with these options; None for a model of another API than chat completions."""
        body = make(messages_of([PromptMessage(role, "sample") for role in Role]), **options)
        lines = body.pop("messages", None)
        if lines is None:
            return None
        return cls(options, body, {role: line["role"] for role, line in zip(Role, lines, strict=True)})

    def body(self, prompt: Prompt) -> dict[str, Any]:
        return {**self.rest, "messages": [{"role": self.roles[line.role], "content": line.content} for line in prompt]}
