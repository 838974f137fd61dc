"""What the model is given: the system prompt, then as much of the latest conversation as the budget allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from imcore.message import Message, MessageType

HISTORY_MESSAGES = 20

MAX_WINDOW_MESSAGES = 200
"""Enough for the most messages that one reply answers, with their history."""


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class PromptMessage(NamedTuple):
    role: Role
    content: str


Prompt = Sequence[PromptMessage]


@dataclass(frozen=True, slots=True)
class PromptBudget:
    """How much of the history a prompt holds; the messages to be answered are always in it, whatever their length."""

    system_prompt: str = ""
    history_messages: int = HISTORY_MESSAGES
    history_tokens: int = 4000

    def build(self, window: Sequence[Message], *, first_seq: int | None = None) -> list[PromptMessage]:
        """The prompt that answers the last message of `window` (conversation order, oldest first), or all of the user's since `first_seq`.

        The newest messages win; the history never begins with a reply whose question was left out.
        """
        asked_from = _index_of_asked(window, first_seq)
        asked = window[asked_from:]
        chosen = list(reversed(asked))
        tokens = sum(approximate_tokens(message.msg_content) for message in asked)
        for message in reversed(window[:asked_from]):
            tokens += approximate_tokens(message.msg_content)
            if len(chosen) >= self.history_messages or tokens > self.history_tokens:
                break
            chosen.append(message)
        while len(chosen) > 1 and chosen[-1].msg_type is MessageType.AI_REPLY:
            chosen.pop()
        system = [PromptMessage(Role.SYSTEM, self.system_prompt)] if self.system_prompt else []
        return system + [PromptMessage(_role(message), message.msg_content) for message in reversed(chosen)]


def approximate_tokens(text: str) -> int:
    """About as many tokens as a model would count, without its vocabulary: 4 characters of ASCII a token, else 1.5, and 4 a message."""
    ascii_chars = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    return 4 + ascii_chars // 4 + round((len(text) - ascii_chars) / 1.5)


def _index_of_asked(window: Sequence[Message], first_seq: int | None) -> int:
    last = max(0, len(window) - 1)
    if first_seq is None:
        return last
    asked = (index for index, message in enumerate(window) if message.msg_type is MessageType.TEXT and message.seq >= first_seq)
    return next(asked, last)


def _role(message: Message) -> Role:
    return Role.ASSISTANT if message.msg_type is MessageType.AI_REPLY else Role.USER
