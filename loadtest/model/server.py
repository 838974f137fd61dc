"""The ASGI application of the stand-in model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from math import isinf
from typing import Any

import orjson

from loadtest.model.faults import Fault
from loadtest.model.frames import DONE, TokenFrames, error, token_frames, whole_reply
from loadtest.model.plan import Plan, Planner
from loadtest.model.seen import Seen
from loadtest.model.timer_wheel import TimerWheel

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


@dataclass(frozen=True, slots=True)
class Question:
    """What one call asks: `text` is its last message."""

    model: str
    text: str
    stream: bool
    wants_usage: bool

    @classmethod
    def read(cls, body: bytes) -> Question:
        """Read a request's body.

        Raises:
            ValueError: it is none of a chat completion.
        """
        try:
            asked = orjson.loads(body)
            content = asked["messages"][-1]["content"]
            text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
            options = asked.get("stream_options") or {}
            return cls(str(asked["model"]), text, bool(asked.get("stream")), bool(options.get("include_usage")))
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError) as wrong:
            raise ValueError("a chat completion has a model and messages, the last of them with a content") from wrong


class StandInModel:
    """`max_concurrent` is how many calls it answers at once, None for any number; more are refused with 429 and count as not asked."""

    def __init__(self, planner: Planner, *, max_concurrent: int | None = None, retry_after_s: float = 1.0) -> None:
        self.seen = Seen()
        self._planner = planner
        self._max_concurrent = max_concurrent
        self._wait = [(b"retry-after", f"{retry_after_s:g}".encode())]
        self._wheel = TimerWheel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["method"], scope["path"]:
            case "POST", "/v1/chat/completions":
                await self._complete(receive, send)
            case "GET", "/v1/models":
                await _send_json(send, 200, {"object": "list", "data": [{"id": "stand-in", "object": "model"}]})
            case "GET", "/stand-in/seen":
                await _send_json(send, 200, self.seen.as_json())
            case "DELETE", "/stand-in/seen":
                seen = self.seen.as_json()
                self.seen.reset()
                self._planner.forget()
                await _send_json(send, 200, seen)
            case method, path:
                await _send_json(send, 404, error(f"There is no {method} {path}", "not_found"))

    async def _complete(self, receive: Receive, send: Send) -> None:
        try:
            question = Question.read(await _read(receive))
        except ValueError as wrong:
            await _send_json(send, 400, error(str(wrong), "invalid_request"))
            return
        self.seen.begin()
        try:
            if self._max_concurrent is not None and self.seen.running > self._max_concurrent:
                self.seen.over_limit += 1
                await _send_json(send, 429, error("Too many calls at once", "rate_limited"), self._wait)
            else:
                await self._answer_while_there(question, receive, send)
        finally:
            self.seen.running -= 1

    async def _answer_while_there(self, question: Question, receive: Receive, send: Send) -> None:
        answering = asyncio.create_task(self._answer(question, self._planner.plan(question.text), send))
        leaving = asyncio.create_task(_client_left(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                await answering
            else:
                self.seen.closed_by_client += 1
        finally:
            answering.cancel()
            leaving.cancel()

    async def _answer(self, question: Question, plan: Plan, send: Send) -> None:
        if plan.fault is not None:
            self.seen.faults[plan.fault.value] += 1
        match plan.fault:
            case Fault.RATE_LIMITED:
                await _send_json(send, 429, error("Too many calls", "rate_limited"), self._wait)
            case Fault.ERROR:
                await _send_json(send, 500, error("The stand-in fails, as it was asked to"))
            case Fault.HANG:
                await asyncio.Event().wait()  # until the client leaves
            case _ if question.stream:
                await self._stream(question, plan, send)
            case _:
                await self._wheel.until(asyncio.get_running_loop().time() + plan.seconds)
                await _send_json(send, 200, whole_reply(question.model, plan, question.text))
                self._count(plan)

    async def _stream(self, question: Question, plan: Plan, send: Send) -> None:
        frames = token_frames(question.model)
        first_at = asyncio.get_running_loop().time() + plan.first_token_s
        await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
        await self._wheel.until(first_at)
        await _send_part(send, frames.role + frames.first(plan))
        await self._stream_words(frames, plan, send, first_at)
        end = b""
        if plan.fault is not Fault.CUT:
            end = frames.stop + (frames.usage(plan, question.text) if question.wants_usage else b"") + DONE
        self._count(plan)
        await send({"type": "http.response.body", "body": end})

    async def _stream_words(self, frames: TokenFrames, plan: Plan, send: Send, first_at: float) -> None:
        """All words but the first; those of one tick go together."""
        clock, rate = asyncio.get_running_loop().time, plan.tokens_per_s
        sent, all_ = 1, plan.cut_after
        while sent < all_:
            await self._wheel.until(first_at + sent / rate)
            due = all_ if isinf(rate) else min(all_, max(sent, int((clock() - first_at) * rate)) + 1)
            await _send_part(send, frames.words(plan, sent, due))
            sent = due

    def _count(self, plan: Plan) -> None:
        self.seen.tokens += plan.cut_after
        self.seen.ended += plan.fault is not Fault.CUT


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send_part(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _send_json(send: Send, status: int, body: Mapping[str, Any], headers: list[tuple[bytes, bytes]] | None = None) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*_JSON, *(headers or [])]})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})
