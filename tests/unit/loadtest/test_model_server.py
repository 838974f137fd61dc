"""The stand-in model as an ASGI application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx

from loadtest.model.distribution import Distribution
from loadtest.model.faults import FaultRates
from loadtest.model.plan import Planner
from loadtest.model.replies import answers, begins_to_answer, reply_to
from loadtest.model.server import StandInModel

SEED = 4


def stand_in(faults: str = "", *, max_concurrent: int | None = None, pause_s: float = 0) -> StandInModel:
    planner = Planner(
        SEED, tokens=Distribution.parse("12"), faults=FaultRates.parse(faults), first_token_s=Distribution("fixed", (pause_s,))
    )
    return StandInModel(planner, max_concurrent=max_concurrent)


async def ask(model: StandInModel, question: str = "hello", **fields: object) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}], **fields}
    return await http(model).post("/v1/chat/completions", json=body)


def http(model: StandInModel) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(model), base_url="http://model", trust_env=False)


def chunks(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.text.splitlines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def streamed_text(response: httpx.Response) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(response) if chunk["choices"])


async def test_a_streamed_reply_and_a_whole_one_are_the_text_that_anyone_can_derive() -> None:
    model = stand_in()
    assert streamed_text(await ask(model, stream=True)) == reply_to("hello", SEED, call=1, words=12)
    whole = (await ask(model)).json()
    assert whole["choices"][0]["message"]["content"] == reply_to("hello", SEED, call=2, words=12)
    assert whole["usage"]["completion_tokens"] == 12


async def test_usage_is_streamed_to_those_who_ask_for_it() -> None:
    asked = await ask(stand_in(), stream=True, stream_options={"include_usage": True})
    assert list(chunks(asked))[-1]["usage"]["completion_tokens"] == 12
    assert not any("usage" in chunk for chunk in chunks(await ask(stand_in(), stream=True)))


async def test_a_stream_ends_with_a_finish_reason_and_done() -> None:
    response = await ask(stand_in(), stream=True)
    assert list(chunks(response))[-1]["choices"][0]["finish_reason"] == "stop"
    assert response.text.endswith("data: [DONE]\n\n")


async def test_a_cut_stream_has_neither_and_its_text_is_only_a_beginning() -> None:
    response = await ask(stand_in("cut:1"), stream=True)
    text = streamed_text(response)
    assert begins_to_answer(text, "hello", SEED)
    assert not answers(text, "hello", SEED)
    assert "[DONE]" not in response.text
    assert not any(chunk["choices"][0]["finish_reason"] for chunk in chunks(response))


async def test_a_refused_call_is_told_when_to_come_again() -> None:
    response = await ask(stand_in("429:1"), stream=True)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")


async def test_an_error_is_a_500() -> None:
    assert (await ask(stand_in("500:1"))).status_code == 500


async def test_what_is_no_chat_completion_is_refused() -> None:
    assert (await http(stand_in()).post("/v1/chat/completions", content=b"[]")).status_code == 400
    assert (await http(stand_in()).post("/v1/chat/completions", json={"model": "m", "messages": []})).status_code == 400


async def test_calls_above_the_limit_are_refused_and_do_not_count_as_asked() -> None:
    model = stand_in(max_concurrent=2, pause_s=0.05)
    responses = await asyncio.gather(*(ask(model, "the same") for _ in range(5)))
    assert sorted(response.status_code for response in responses) == [200, 200, 429, 429, 429]
    texts = [response.json()["choices"][0]["message"]["content"] for response in responses if response.status_code == 200]
    assert sorted(text.split("/")[0] for text in texts) == ["#1", "#2"]
    assert model.seen.over_limit == 3


async def test_it_tells_what_it_has_seen_and_forgets_when_asked_to() -> None:
    model = stand_in("cut:0.5")
    for number in range(20):
        await ask(model, f"question {number}", stream=True)
    seen = (await http(model).get("/stand-in/seen")).json()
    assert seen["calls"] == 20
    assert seen["ended"] + seen["faults"]["cut"] == 20
    assert seen["running"] == 0
    assert (await http(model).delete("/stand-in/seen")).json() == seen
    assert (await http(model).get("/stand-in/seen")).json() == model.seen.as_json() | {"calls": 0, "ended": 0, "tokens": 0, "faults": {}}
    assert streamed_text(await ask(model, "question 1", stream=True)).startswith("#1/")


async def test_a_client_that_leaves_a_hanging_call_is_noticed() -> None:
    model = stand_in("hang:1")
    leave = asyncio.Event()
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}).encode()
    incoming: list[dict[str, Any]] = [{"type": "http.request", "body": body}]

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        raise AssertionError(f"a hanging call was answered with {message}")

    calling = asyncio.create_task(model({"type": "http", "method": "POST", "path": "/v1/chat/completions"}, receive, send))
    leave.set()
    await calling
    assert (model.seen.closed_by_client, model.seen.running, model.seen.ended) == (1, 0, 0)
