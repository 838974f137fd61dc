"""Prompts to try models with."""

from __future__ import annotations

from imcore.prompt import PromptMessage, Role

CONVERSATION = [
    PromptMessage(Role.SYSTEM, "Be brief."),
    PromptMessage(Role.USER, "Hello"),
    PromptMessage(Role.ASSISTANT, "Hi, how can I help?"),
    PromptMessage(Role.USER, "Where is the café? 咖啡馆在哪里"),
]


def says(text: str) -> list[PromptMessage]:
    """The prompt of somebody who says only this."""
    return [PromptMessage(Role.USER, text)]
