"""Whatever a server does, the lean client and ChatOpenAI tell the same of it: the same text, the same end, the same error."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from adapters.llm.openai_compatible import OpenAICompatibleLLMClient
from imcore.errors import LLMError
from tests.stand_ins.http_script import DONE, END, RESET, STREAM, Step, answer, chunked, event, frame, serving
from tests.stand_ins.prompts import CONVERSATION

PIRATE = "Ahoy, 海盗 ☠"
STOP = frame(finish_reason="stop")
TOOL_CALL = {"index": 0, "id": "call", "type": "function", "function": {"name": "look", "arguments": "{}"}}
USAGE = event({"model": "scripted", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})


def stream(*events: bytes) -> list[Step]:
    """A stream of these events, each in a piece of its own, with a clean end."""
    return [STREAM, *(chunked(one) for one in events), END]


def in_reads_of(size: int, *events: bytes) -> list[Step]:
    """The same events, cut anywhere."""
    body = b"".join(events)
    return [STREAM, *(chunked(body[start : start + size]) for start in range(0, len(body), size)), END]


REPLIES: dict[str, list[Step]] = {
    "plain": stream(frame(PIRATE), frame("!"), STOP, DONE),
    "cut-anywhere": in_reads_of(7, frame(PIRATE), frame("!"), STOP, DONE),
    "role-first": stream(frame(role="assistant"), frame(PIRATE), STOP, DONE),
    "without-done": stream(frame(PIRATE), STOP),
    "without-an-end-after-done": [STREAM, chunked(frame(PIRATE) + STOP + DONE), 0.3],
    "not-chunked": [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + frame(PIRATE) + STOP],
    "with-usage": stream(frame(PIRATE), STOP, USAGE, DONE),
    "usage-with-the-text": stream(event({"choices": [{"delta": {"content": PIRATE}}], "usage": {"prompt_tokens": 3}}), STOP, DONE),
    "stopped-by-length": stream(frame(PIRATE), frame("!", "length"), DONE),
    "comments-between": stream(b": ping\n\n", frame(PIRATE), b":\n\n", STOP, DONE),
    "without-a-space-after-data": stream(frame(PIRATE).replace(b"data: ", b"data:"), STOP, DONE),
    "crlf": in_reads_of(1, frame(PIRATE).replace(b"\n", b"\r\n"), STOP.replace(b"\n", b"\r\n"), DONE),
    "cr": stream(frame(PIRATE).replace(b"\n", b"\r"), STOP.replace(b"\n", b"\r"), DONE),
    "names-and-ids": stream(b"event: message\nid: 7\nretry: 10\n" + frame(PIRATE), STOP, DONE),
    "on-several-lines": stream(frame(PIRATE).replace(b', "choices', b'\ndata: , "choices'), STOP, DONE),
    "text-with-the-end": stream(frame(PIRATE), frame("!", "stop"), DONE),
    "reasoning": stream(frame(None, reasoning_content="Hm."), frame(PIRATE), STOP, DONE),
    "refusal": stream(frame(None, refusal="No."), STOP, DONE),
    "tool-call-that-nobody-wanted": stream(frame(None, tool_calls=[TOOL_CALL]), frame(finish_reason="tool_calls"), DONE),
    "no-choices-first": stream(event({"choices": [], "prompt_filter_results": []}), frame(PIRATE), STOP, DONE),
    "null-choices": stream(event({"choices": None}), frame(PIRATE), STOP, DONE),
    "null-delta": stream(frame(PIRATE), event({"choices": [{"delta": None, "finish_reason": "stop"}]}), STOP, DONE),
    "no-delta": stream(frame(PIRATE), event({"choices": [{"finish_reason": "stop"}]}), STOP, DONE),
    "several-choices": stream(event({"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}), STOP, DONE),
}

FAILURES: dict[str, list[Step]] = {
    "closed-at-once": [],
    "reset-at-once": [RESET],
    "closed-after-the-headers": [STREAM],
    "closed-in-mid-stream": [STREAM, chunked(frame("a")), 0.1, chunked(frame("b"))],
    "closed-without-chunks": [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + frame("a")],
    "cut": stream(frame("a")),
    "role-and-cut": stream(frame(role="assistant")),
    "empty": stream(),
    "last-event-without-its-blank-line": stream(frame(PIRATE), STOP.rstrip()),
    "text-of-another-role": stream(frame(PIRATE, role="user"), STOP, DONE),
    "nothing-but-done": stream(DONE),
    "malformed": stream(frame("a"), b'data: {"choices": [\n\n'),
    "malformed-at-first": stream(b"data: no JSON\n\n"),
    "malformed-in-the-same-read": [STREAM, chunked(frame("a") + b"data: no JSON\n\n")],
    "error": stream(frame("a"), event({"error": {"message": "The engine has stopped", "type": "server_error", "code": 500}})),
    "error-at-first": stream(event({"error": {"message": "The engine has stopped"}})),
    "error-in-the-same-read": [STREAM, chunked(frame("a") + event({"error": {"message": "The engine has stopped"}})), END],
    "error-as-text": stream(event({"error": "The engine has stopped"})),
    "error-of-length": stream(event({"error": {"message": "It exceeds the context window", "code": "context_length_exceeded"}})),
    "web-page": [answer(200, b"<html><body>nginx</body></html>", "text/html")],
    "whole-reply": [answer(200, b'{"choices": [{"message": {"content": "Hi"}}]}')],
    "text": [answer(200, b"Hello", "text/plain")],
    "no-content": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "silent": [3.0],
    "silent-after-the-headers": [STREAM, 3.0],
    "silent-in-mid-stream": [STREAM, chunked(frame("a")), 3.0],
} | {
    f"status-{status}": [answer(status, body)]
    for status, body in {
        400: b'{"error": {"message": "Too many tokens", "code": "context_length_exceeded"}}',
        401: b'{"error": {"message": "Incorrect key"}}',
        403: b"{}",
        404: b'{"detail": "Not Found"}',
        408: b"",
        409: b"in conflict",
        413: b"<html>too large</html>",
        422: b'{"detail": [{"msg": "wrong"}]}',
        429: b'{"error": {"message": "Pay first", "code": "insufficient_quota"}}',
        500: b'{"error": "no dict"}',
        502: b"<html><body>Bad gateway</body></html>",
        503: b'[{"error": {"message": "in a list"}}]',
    }.items()
}


async def told(kind: str, base_url: str) -> tuple[Any, ...]:
    """Text, finish reason, model and tokens; or text, error and its words."""
    client = OpenAICompatibleLLMClient("scripted", base_url=base_url, api_key="none", kind=kind, max_retries=0, read_timeout_s=0.5)
    text, last = "", None
    try:
        async with aclosing(client.stream(CONVERSATION)) as chunks:
            async for last in chunks:
                text += last.text
    except LLMError as error:
        return text, type(error), error.detail
    finally:
        await client.close()
    assert last is not None
    return text, last.finish_reason, last.model, last.prompt_tokens, last.completion_tokens


@pytest.mark.parametrize("script", REPLIES.values(), ids=REPLIES)
async def test_the_same_reply_is_read_the_same(script: list[Step]) -> None:
    async with serving(script) as base_url:
        lean = await told("lean", base_url)
        assert lean == await told("chat-openai", base_url)
    assert isinstance(lean[1], str)


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES)
async def test_the_same_failure_is_told_in_the_same_words(script: list[Step]) -> None:
    async with serving(script) as base_url:
        lean = await told("lean", base_url)
        assert lean == await told("chat-openai", base_url)
    assert issubclass(lean[1], LLMError)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9/v1", "https://127.0.0.1:9/v1"])
async def test_a_server_out_of_reach_is_told_in_the_same_words(base_url: str) -> None:
    assert await told("lean", base_url) == await told("chat-openai", base_url)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([STREAM, chunked(frame("a")), 0.1, RESET], id="reset-in-mid-stream"),
        pytest.param([STREAM, chunked(frame("a")), 0.1, b"no chunk\r\n"], id="no-http-in-mid-stream"),
        pytest.param([answer(200, frame("a"), "text/event-stream").replace(b"Length: ", b"Length: 9")], id="too-short"),
        pytest.param(stream(frame("a"), b'data: {"choices": "\xff"}\n\n'), id="no-utf-8"),
        pytest.param([b"SSH-2.0-OpenSSH_9\r\n\r\n"], id="no-http"),
    ],
)
async def test_broken_bytes_are_the_same_failure_in_words_of_the_library_that_met_them(script: list[Step]) -> None:
    async with serving(script) as base_url:
        assert (await told("lean", base_url))[:2] == (await told("chat-openai", base_url))[:2]
