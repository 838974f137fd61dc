"""What a server gets to see: the lean client sends past the SDK, and still asks as often, as late and with the same words as ChatOpenAI."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import Any

import openai
import openai._base_client
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from adapters.llm.aiohttp_transport import AiohttpClient
from adapters.llm.lean_chat_openai import LeanChatOpenAI
from tests.stand_ins.http_playing import Asked, playing, status
from tests.stand_ins.http_script import DONE, RESET, STREAM, Step, frame
from tests.stand_ins.model_clients import AT_ONCE, GOOD, KINDS, build, outcome
from tests.stand_ins.openai_replies import Fault, reply_text
from tests.stand_ins.openai_server import OpenAIStandIn
from tests.stand_ins.prompts import CONVERSATION, says
from tests.stand_ins.reading import read

SETTINGS: dict[str, Any] = {"model": "echo", "stream_chunk_timeout": None, "http_socket_options": (), "max_retries": 0}


def comparable(asked: list[Asked]) -> list[tuple[Any, ...]]:
    of_connection = {"accept-encoding", "connection", "content-length", "host"}
    return [
        (one.method, one.path, {name: value for name, value in one.headers.items() if name not in of_connection}, one.body) for one in asked
    ]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.001)


async def both(scripts: list[list[Step]], **options: Any) -> tuple[list[tuple[Any, ...]], Any]:
    """What both clients asked and told, which must be the same."""
    told = []
    async with playing(*scripts) as server:
        for kind in KINDS:
            server.asked.clear()
            client = build(kind, server.base_url, **options)
            end = await outcome(client)
            told.append((comparable(server.asked), end))
            await client.close()
    lean, original = told
    assert lean == original
    return lean


# How often, and with what, the server is asked


@pytest.mark.parametrize("max_retries", [0, 1, 2])
@pytest.mark.parametrize("code", [301, 400, 401, 403, 408, 409, 425, 429, 500, 503, 529])
async def test_a_refusal_is_repeated_as_often_as_chat_openai_repeats_it(code: int, max_retries: int) -> None:
    asked, _ = await both([status(code, AT_ONCE)], max_retries=max_retries)
    repeats = code in {408, 409, 429} or code >= 500
    assert [headers["x-stainless-retry-count"] for _, _, headers, _ in asked] == [
        str(number) for number in range(1 + max_retries * repeats)
    ]


@pytest.mark.parametrize("script", [[], [b"HTTP/1.1 200 OK\r\n", RESET], [RESET], [b"SSH-2.0\r\n\r\n", b""], [5.0]], ids=repr)
@pytest.mark.parametrize("max_retries", [0, 1, 2])
async def test_no_answer_is_asked_for_again_as_often_as_chat_openai_does(script: list[Step], max_retries: int) -> None:
    counts = []
    for kind in KINDS:
        async with playing(script) as server:
            client = build(kind, server.base_url, max_retries=max_retries, read_timeout_s=0.2)
            told = await outcome(client)
            counts.append((len(server.asked), told[0], [one.headers["x-stainless-retry-count"] for one in server.asked]))
            await client.close()
    assert counts[0] == counts[1]
    assert counts[0][0] == max_retries + 1


@pytest.mark.parametrize("code", [429, 500])
async def test_a_repeated_request_is_answered_with_its_own_answer(code: int) -> None:
    asked, told = await both([status(code, AT_ONCE), status(409, AT_ONCE), GOOD], max_retries=2)
    assert (len(asked), told) == (3, "Hi")


@pytest.mark.parametrize(
    ("code", "then"),
    [(code, then) for code in (301, 302, 303, 307, 308) for then in ("good", "refused", "redirected")] + [(307, "broken"), (308, "broken")],
)
async def test_a_redirect_is_followed_as_chat_openai_follows_it(code: int, then: str) -> None:
    redirect = status(code, b"Location: /v2/elsewhere\r\n")
    rests: dict[str, list[list[Step]]] = {
        "good": [GOOD],
        "refused": [status(500, AT_ONCE), GOOD],
        "redirected": [status(307, b"Location: /v3/elsewhere\r\n"), GOOD],
        "broken": [[RESET], GOOD],
    }
    await both([redirect, *rests[then]], max_retries=1)


async def test_a_ring_of_redirects_has_the_same_end() -> None:
    await both([status(307, b"Location: /v1/chat/completions\r\n")], max_retries=1)


@pytest.mark.parametrize("wait", [b"Retry-After: 21\r\n", b"Retry-After: 9999\r\n", b"X-Should-Retry: false\r\n"])
async def test_a_wait_beyond_patience_is_not_begun(wait: bytes) -> None:
    asked, _ = await both([status(429, wait), GOOD], longest_wait_s=20.0)
    assert len(asked) == 1


@pytest.mark.parametrize("wait", [b"Retry-After: 0.01\r\n", b"Retry-After: -1\r\n", b"Retry-After: soon\r\n", b"X-Should-Retry: true\r\n"])
@pytest.mark.parametrize("code", [400, 429])
async def test_a_short_wait_is_obeyed(wait: bytes, code: int) -> None:
    asked, told = await both([status(code, wait), GOOD], longest_wait_s=20.0)
    assert len(asked) == (2 if code == 429 or b"true" in wait else 1)
    assert (told == "Hi") is (len(asked) == 2)


@pytest.mark.parametrize(
    "script",
    [
        status(201, body=b""),
        [b"HTTP/1.1 204 No Content\r\n\r\n"],
        status(202, body=frame("Hi") + frame(finish_reason="stop") + DONE),
        status(200, body=b"{}"),
        status(200, b"X-Should-Retry: true\r\n", body=b"null"),
        status(304, body=b""),
        status(300, body=b""),
        status(307, body=b""),
    ],
    ids=["201", "204", "202", "200-no-stream", "200-null", "304", "300", "307-to-nowhere"],
)
async def test_an_unusual_success_is_told_as_chat_openai_tells_it(script: list[Step]) -> None:
    await both([script], max_retries=1)


async def test_what_was_answered_to_one_request_is_not_the_answer_to_another() -> None:
    with OpenAIStandIn() as server:
        client = build("lean", server.base_url)
        texts = [f"number {number}" + (" [status-429 once]" if number % 3 == 0 else "") for number in range(30)]
        told = await asyncio.gather(*(outcome(client, says(text)) for text in texts))
        await client.close()
    assert told == [reply_text([{"content": text}]) for text in texts]
    assert len(server.calls) == 40


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hundred_replies_at_once_are_recorded_and_asked_for_each_for_itself(kind: str) -> None:
    with OpenAIStandIn(tokens=2) as server:
        client = build(kind, server.base_url)
        prompts = [says(f"number {number}") for number in range(100)]
        records = [client.request(prompt) for prompt in prompts]
        order = [*prompts[::2], *prompts[1::2]]
        told = await asyncio.gather(*(outcome(client, prompt) for prompt in order))
        await client.close()
    assert told == [reply_text([{"content": prompt[0].content}], 2) for prompt in order]
    sent = {call.text: call.body for call in server.calls}
    assert (len(server.calls), [sent[prompt[0].content] for prompt in prompts]) == (100, records)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_prompt_that_grows_between_two_replies_is_sent_as_it_is_then(kind: str) -> None:
    with OpenAIStandIn() as server:
        client, prompt = build(kind, server.base_url), says("one")
        for text in ("two", "three"):
            client.request(prompt)
            await read(client, prompt)
            prompt += says(text)
            await read(client, prompt)
        await client.close()
    assert [len(call.body["messages"]) for call in server.calls] == [1, 2, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_recorded_is_what_is_sent(kind: str) -> None:
    with OpenAIStandIn() as server:
        client = build(kind, server.base_url)
        record = client.request(CONVERSATION)
        await read(client, CONVERSATION)
        await read(client, CONVERSATION)
        await client.close()
    assert [call.body for call in server.calls] == [record, record]


@pytest.mark.parametrize("model", ["gpt-5-pro", "codex-mini-latest", "o1", "o3-mini", "gpt-5", "echo"])
@pytest.mark.parametrize("mode", ["stream", "whole"])
async def test_every_model_has_the_record_that_chat_openai_makes(model: str, mode: Any) -> None:
    records = []
    for kind in KINDS:
        client = build(kind, "http://127.0.0.1:9/v1", model=model, mode=mode)
        records.append(client.request(CONVERSATION))
        await client.close()
    assert records[0] == records[1]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cookie_that_the_server_sets_comes_with_the_requests_that_follow(kind: str) -> None:
    sets_cookie = [STREAM.replace(b"\r\n\r\n", b"\r\nSet-Cookie: sticky=a\r\n\r\n"), *GOOD[1:]]
    async with playing(sets_cookie, GOOD) as server:
        client = build(kind, server.base_url)
        assert [await outcome(client) for _ in range(3)] == ["Hi"] * 3
        await client.close()
    assert [one.headers.get("cookie") for one in server.asked] == [None, "sticky=a", "sticky=a"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_password_of_the_address_is_sent_as_such(kind: str) -> None:
    async with playing(GOOD) as server:
        client = build(kind, server.base_url.replace("//", "//me:secret@"), max_retries=0)
        told = await outcome(client)
        await client.close()
    assert told == "Hi"
    assert [one.headers["authorization"] for one in server.asked] == ["Basic bWU6c2VjcmV0"]


@pytest.mark.parametrize(
    "option", [{"temperature": math.nan}, {"temperature": math.inf}, {"seed": 2**70}, {"logit_bias": {50256: -100}}], ids=str
)
async def test_a_number_that_json_does_not_know_is_no_other_number(option: dict[str, Any]) -> None:
    sent = []
    kinds: list[tuple[type[ChatOpenAI], type[openai.DefaultAsyncHttpxClient]]] = [
        (LeanChatOpenAI, AiohttpClient),
        (ChatOpenAI, openai.DefaultAsyncHttpxClient),
    ]
    for kind, new_http in kinds:
        async with playing(GOOD) as server:
            http = new_http(timeout=openai.Timeout(5.0), event_hooks={})
            chat = kind(base_url=server.base_url, api_key=SecretStr("key"), http_async_client=http, **SETTINGS)
            with suppress(ValueError):
                [_ async for _ in chat.astream("Hello", **option)]
            sent.append([one.body for one in server.asked])
            await http.aclose()
    assert sent[0] == sent[1]


# Token counts that a server refuses


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_without_token_counts_is_asked_without_them_also_by_replies_in_flight(kind: str) -> None:
    with OpenAIStandIn() as server:
        client = build(kind, server.base_url, model=Fault.REFUSE_STREAM_OPTIONS.value)
        prompts = [says(f"number {number}") for number in range(20)]
        for prompt in prompts[:10]:
            client.request(prompt)
        told = await asyncio.gather(*(outcome(client, prompt) for prompt in prompts))
        after = client.request(prompts[0])
        await client.close()
    assert told == [reply_text([{"content": prompt[0].content}]) for prompt in prompts]
    assert "stream_options" not in after
    for prompt in prompts:
        calls = [call.body for call in server.calls if call.text == prompt[0].content]
        assert len(calls) == 2 - ("stream_options" not in calls[0])
        assert "stream_options" not in calls[-1]
