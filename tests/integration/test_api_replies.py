"""HTTP: what becomes of a reply: as JSON, as events, in the records; cancelled and retried."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from imcore.errors import LLMUnavailableError
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient
from tests.polling import eventually

EVENTS = {"Accept": "text/event-stream"}


class Events:
    """The events of a response: (event, id, data)."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, str | None, dict[str, Any]]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                if not line and "data" in fields:
                    return fields["event"], fields.get("id"), json.loads(fields["data"])
                name, _, value = line.partition(": ")
                fields[name] = value
        raise EOFError

    async def rest(self) -> list[tuple[str, str | None, dict[str, Any]]]:
        found = []
        try:
            while True:
                found.append(await self.next())
        except EOFError:
            return found


@asynccontextmanager
async def reading(api: ApiServer, message_id: str, **headers: str) -> AsyncIterator[Events]:
    path = f"/api/message/{message_id}/reply"
    async with api.http.stream("GET", path, headers=api.auth() | EVENTS | headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Events(response)


async def test_a_send_that_accepts_events_goes_on_with_those_of_its_reply(api: ApiServer, llm: SteeredLLMClient) -> None:
    sending = api.http.stream("POST", "/api/message/send", json={"msg_content": "hi", "message_id": "m-1"}, headers=api.auth() | EVENTS)
    async with sending as response:
        events = Events(response)
        name, _, accepted = await events.next()
        assert (response.status_code, name, accepted["message"]["message_id"]) == (202, "message.accepted", "m-1")

        stream = await llm.asked()
        assert (await events.next())[0] == "reply.started"
        stream.say("Hel")
        assert (await events.next())[1:] == (
            "1:3",
            {"type": "reply.delta", "record_id": accepted["record_id"], "attempt": 1, "offset": 0, "text": "Hel"},
        )
        stream.end("lo 😀")
        rest = await events.rest()

    assert [(name, event_id) for name, event_id, _ in rest] == [("reply.delta", "1:7"), ("reply.completed", "1:7")]
    assert rest[-1][2]["message"]["msg_content"] == "Hello 😀"


async def test_a_reader_who_comes_late_gets_the_text_so_far_and_then_the_rest(api: ApiServer, llm: SteeredLLMClient) -> None:
    await api.send("hi", message_id="m-1")
    stream = await llm.asked()
    stream.say("Hello")
    await eventually(lambda: api.container.live().running() and api.container.live().snapshot(api.container.live().running()[0][1]).text)

    async with reading(api, "m-1") as events:
        assert [await events.next() for _ in range(2)][1][2]["text"] == "Hello"
        stream.end(" there")
        rest = await events.rest()

    assert [(name, data.get("offset"), data.get("text")) for name, _, data in rest] == [
        ("reply.delta", 5, " there"),
        ("reply.completed", None, None),
    ]


async def test_a_reader_who_comes_back_gets_no_character_twice(api: ApiServer, llm: SteeredLLMClient) -> None:
    await api.send("hi", message_id="m-1")
    stream = await llm.asked()
    stream.say("Hello")
    async with reading(api, "m-1") as events:
        await events.next()
        _, last_id, _ = await events.next()
    stream.say(", my")
    stream.end(" friend")
    await api.ended_reply("m-1")

    async with reading(api, "m-1", **{"Last-Event-ID": str(last_id)}) as events:
        rest = await events.rest()

    assert [(name, data.get("offset"), data.get("text")) for name, _, data in rest] == [
        ("reply.delta", 5, ", my friend"),
        ("reply.completed", None, None),
    ]


@pytest.mark.parametrize("last_event_id", ["", "nonsense", "0:0", "-1:5", "1:1:1"])
async def test_a_finished_reply_is_sent_whole_and_the_stream_ends(api: ApiServer, llm: SteeredLLMClient, last_event_id: str) -> None:
    await api.send("hi", message_id="m-1")
    (await llm.asked()).end("Hello")
    await api.ended_reply("m-1")

    async with reading(api, "m-1", **({"Last-Event-ID": last_event_id} if last_event_id else {})) as events:
        rest = await events.rest()

    assert [(name, event_id) for name, event_id, _ in rest] == [("reply.delta", "1:5"), ("reply.completed", "1:5")]
    assert rest[0][2]["text"] == rest[1][2]["message"]["msg_content"] == "Hello"


async def test_the_reply_as_json_holds_the_text_so_far_and_in_the_end_the_message(api: ApiServer, llm: SteeredLLMClient) -> None:
    record_id = (await api.send("hi", message_id="m-1")).json()["record_id"]
    waiting = (await api.get("/api/message/m-1/reply")).json()
    assert (waiting["record_id"], waiting["status"], waiting["text"]) == (record_id, 0, "")
    stream = await llm.asked()
    stream.say("Hello")
    await eventually(lambda: api.container.live().snapshot(record_id) and api.container.live().snapshot(record_id).text)

    running = (await api.get("/api/message/m-1/reply")).json()
    assert (running["status"], running["attempt"], running["text"], "message" in running) == (0, 1, "Hello", False)

    stream.end(" there")
    ended = await api.ended_reply("m-1")
    assert (ended["status"], ended["text"], ended["message"]["msg_content"]) == (1, "Hello there", "Hello there")
    assert ended["ai_message_id"] == ended["message"]["message_id"] == running["ai_message_id"]


async def test_a_record_shows_the_exact_request_and_a_list_leaves_it_out(api: ApiServer, llm: SteeredLLMClient) -> None:
    record_id = (await api.send("hi", message_id="m-1")).json()["record_id"]
    (await llm.asked()).end("Hello")
    await api.ended_reply("m-1")

    record = (await api.get(f"/api/ai/records/{record_id}")).json()
    page = (await api.get("/api/ai/records", status=1, session_id="ann", user_message_id="m-1")).json()

    assert record["request_content"] == {"model": "steered", "messages": [{"role": "user", "content": "hi"}]}
    assert record["response_content"]["text"] == "Hello"
    assert page == {"items": [{key: value for key, value in record.items() if key != "request_content"}], "next_cursor": None}
    assert (await api.get("/api/ai/records", status=2)).json()["items"] == []


async def test_records_go_on_from_a_cursor_and_refuse_a_wrong_one(api: ApiServer) -> None:
    record_ids = [(await api.send(f"{number}", session_id=f"ann:{number}")).json()["record_id"] for number in range(3)]

    first = (await api.get("/api/ai/records", limit=2)).json()
    second = (await api.get("/api/ai/records", limit=2, cursor=first["next_cursor"])).json()
    wrong = await api.get("/api/ai/records", cursor="wrong")

    assert [record["record_id"] for record in first["items"] + second["items"]] == record_ids[::-1]
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request")


async def test_a_cancelled_reply_keeps_its_text_and_closes_the_models_stream(api: ApiServer, llm: SteeredLLMClient) -> None:
    record_id = (await api.send("hi", message_id="m-1")).json()["record_id"]
    stream = await llm.asked()
    stream.say("Hello")
    await eventually(lambda: api.container.live().snapshot(record_id) and api.container.live().snapshot(record_id).text)

    answers = [await api.post(f"/api/ai/records/{record_id}/cancel") for _ in range(2)]
    async with asyncio.timeout(1):
        await stream.closed.wait()
    ended = await api.ended_reply("m-1")

    assert [answer.status_code for answer in answers] == [202, 202]
    assert (ended["status"], ended["text"], ended["message"]["msg_content"]) == (3, "Hello", "Hello")


async def test_a_failed_reply_says_why_and_can_be_retried(api: ApiServer, llm: SteeredLLMClient) -> None:
    record_id = (await api.send("hi", message_id="m-1")).json()["record_id"]
    (await llm.asked()).fail(LLMUnavailableError("The provider is away."))
    async with reading(api, "m-1") as events:
        name, _, failed = (await events.rest())[-1]
    assert (name, failed["error"]["code"], failed["error"]["detail"], failed["retryable"]) == (
        "reply.failed",
        "llm_unavailable",
        "The provider is away.",
        True,
    )
    assert (await api.get("/api/message/m-1/reply")).json()["error"] == failed["error"]

    retried = await api.post(f"/api/ai/records/{record_id}/retry")
    (await llm.asked()).end("Here I am")

    assert (retried.status_code, retried.json()["status"]) == (202, 0)
    assert (await api.ended_reply("m-1"))["text"] == "Here I am"
    again = await api.post(f"/api/ai/records/{record_id}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "reply_not_retryable")


async def test_a_reader_who_leaves_is_forgotten_and_cancels_nothing(api: ApiServer, llm: SteeredLLMClient) -> None:
    await api.send("hi", message_id="m-1")
    stream = await llm.asked()
    async with reading(api, "m-1"):
        assert set(api.container.hub().connected()) == {"ann"}

    await eventually(lambda: not api.container.hub().connected())
    stream.end("Hello")
    assert (await api.ended_reply("m-1"))["text"] == "Hello"


async def test_event_streams_end_when_the_server_goes(api: ApiServer) -> None:
    await api.send("hi", message_id="m-1")
    async with reading(api, "m-1") as events:
        await events.next()
        api.stop()
        assert await events.rest() == []
