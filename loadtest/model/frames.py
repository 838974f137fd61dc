"""The answers of the stand-in model as bytes; all that a token needs is made once for each model name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from loadtest.model.plan import Plan
from loadtest.model.replies import WORDS

DONE = b"data: [DONE]\n\n"
_ID = "chatcmpl-stand-in"


class TokenFrames:
    """Server-sent events of one model name."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._words = [self._delta({"content": f" {word}"}) for word in WORDS]
        self.role = self._delta({"role": "assistant", "content": ""})
        self.stop = self._delta({}, "stop")

    def first(self, plan: Plan) -> bytes:
        """The first token."""
        return self._delta({"content": plan.head})

    def words(self, plan: Plan, start: int, end: int) -> bytes:
        """The tokens from `start` (1 or more) up to `end`."""
        words = self._words
        return b"".join([words[number] for number in plan.words[start - 1 : end - 1]])

    def usage(self, plan: Plan, question: str) -> bytes:
        return _event(_envelope(self._model, "chat.completion.chunk", []) | {"usage": _usage(plan, question)})

    def _delta(self, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return _event(_envelope(self._model, "chat.completion.chunk", [choice]))


@lru_cache(maxsize=64)
def token_frames(model: str) -> TokenFrames:
    return TokenFrames(model)


def whole_reply(model: str, plan: Plan, question: str) -> dict[str, Any]:
    """The answer to a call that does not stream. A cut one has no finish reason."""
    reason = "stop" if plan.cut_after == plan.tokens else None
    choice = {"index": 0, "message": {"role": "assistant", "content": plan.text}, "finish_reason": reason}
    return _envelope(model, "chat.completion", [choice]) | {"usage": _usage(plan, question)}


def error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "stand_in", "code": code}}


def _usage(plan: Plan, question: str) -> dict[str, int]:
    prompt, completion = len(question.split()), plan.cut_after
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _envelope(model: str, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": _ID, "object": kind, "created": 1, "model": model, "choices": choices}


def _event(event: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(event) + b"\n\n"
