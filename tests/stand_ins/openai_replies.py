"""What the stand-in model says, and how it goes wrong on demand."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Fault(StrEnum):
    """What may go wrong; STATUS takes a status, Retry-After and an error body from `script`."""

    STATUS = "status"
    HANG = "hang"  # headers, then nothing
    SILENT = "silent"  # not even headers
    STALL = "stall"  # two tokens, then nothing
    CUT = "cut"  # two tokens, then a clean end without a finish reason
    EMPTY = "empty"  # a clean end, without anything
    BREAK = "break"  # two tokens, then the connection is dropped
    MALFORMED = "malformed"  # two tokens, then something that is no JSON
    ERROR_EVENT = "error-event"  # two tokens, then an error in the stream
    REFUSE_STREAM_OPTIONS = "refuse-stream-options"  # 400 whenever the request has them
    NO_USAGE = "no-usage"  # never counts tokens


FAULTS_BY_MODEL = {fault.value: fault for fault in Fault if fault is not Fault.STATUS}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a reply comes, and how many tokens follow the echo."""

    first_token_s: float
    pause_s: float
    tokens: int


def reply_text(messages: Sequence[Mapping[str, str]], tokens: int = 8) -> str:
    """What the stand-in answers: the last message, then `tokens` words."""
    return f"You said: {messages[-1]['content']} " + " ".join(f"token{number}" for number in range(tokens))


def usage(messages: Sequence[Mapping[str, str]], text: str) -> dict[str, int]:
    """The token counts that the stand-in reports: words."""
    prompt = sum(len(message["content"].split()) for message in messages)
    completion = len(text.split())
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def whole_reply(body: Mapping[str, Any], fault: Fault | None, pace: Pace) -> dict[str, Any]:
    """The JSON of a reply that is not streamed."""
    text = reply_text(body["messages"], pace.tokens)
    reason = None if fault is Fault.CUT else "stop"
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return _envelope(body["model"], "chat.completion", [choice]) | (
        {} if fault is Fault.NO_USAGE else {"usage": usage(body["messages"], text)}
    )


class ReplyStream:
    """One reply as server-sent events, a word each."""

    def __init__(self, body: Mapping[str, Any], fault: Fault | None, send: Send, pace: Pace) -> None:
        self._body, self._fault, self._send, self._pace = body, fault, send, pace
        self._text = reply_text(body["messages"], pace.tokens)
        marker = json.dumps(_chunk(body["model"], {"content": "\0"}, None))
        self._head, self._tail = (part.encode() for part in marker.split(json.dumps("\0")))  # a token costs one json.dumps of a word

    async def run(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        if self._fault is Fault.EMPTY:
            await self._send({"type": "http.response.body", "body": b""})
            return
        await self._event(_chunk(self._body["model"], {"role": "assistant", "content": ""}, None))
        await asyncio.sleep(self._pace.first_token_s)
        await self._hang_if(Fault.HANG)
        for number, word in enumerate(re.findall(r"\S+\s*|\s+", self._text)):
            if number == 2 and await self._break_off():
                return
            if number and self._pace.pause_s:
                await asyncio.sleep(self._pace.pause_s)
            await self._raw(b"data: " + self._head + json.dumps(word).encode() + self._tail + b"\n\n")
        await self._end()

    async def _break_off(self) -> bool:
        """The faults in mid-stream; whether the stream ends here."""
        await self._hang_if(Fault.STALL)
        if self._fault is Fault.BREAK:
            raise ConnectionAbortedError("a fault on purpose")
        if self._fault is Fault.MALFORMED:
            await self._raw(b'data: {"choices": [\n\n')
        elif self._fault is Fault.ERROR_EVENT:
            await self._event({"error": {"message": "The engine has stopped", "type": "server_error"}})
        elif self._fault is not Fault.CUT:
            return False
        await self._send({"type": "http.response.body", "body": b""})
        return True

    async def _end(self) -> None:
        await self._event(_chunk(self._body["model"], {}, "stop"))
        if self._fault is not Fault.NO_USAGE and (self._body.get("stream_options") or {}).get("include_usage"):
            await self._event(
                _envelope(self._body["model"], "chat.completion.chunk", []) | {"usage": usage(self._body["messages"], self._text)}
            )
        await self._send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def _hang_if(self, fault: Fault) -> None:
        if self._fault is fault:
            await asyncio.Event().wait()  # until the client leaves

    async def _event(self, event: Mapping[str, Any]) -> None:
        await self._raw(b"data: " + json.dumps(event).encode() + b"\n\n")

    async def _raw(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


def _envelope(model: str, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "chatcmpl-stand-in", "object": kind, "created": 1, "model": model, "choices": choices}


def _chunk(model: str, delta: Mapping[str, str], finish_reason: str | None) -> dict[str, Any]:
    return _envelope(model, "chat.completion.chunk", [{"index": 0, "delta": dict(delta), "finish_reason": finish_reason}])
