"""Every mode of double texting, over HTTP, WebSocket and server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from tests.fakes.api_container import MemoryContainer
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient

Serve = Callable[[str], AbstractAsyncContextManager[ApiServer]]

ENDS = ("reply.completed", "reply.failed", "reply.cancelled")


@pytest.fixture
def serve(llm: SteeredLLMClient) -> Serve:
    """An API with the given mode."""

    @asynccontextmanager
    async def serving(mode: str) -> AsyncIterator[ApiServer]:
        async with ApiServer.running(MemoryContainer(llm, double_texting=mode)) as api:
            yield api

    return serving


async def asked(llm: SteeredLLMClient) -> list[str]:
    """The user's lines in the next prompt; the reply says how many they are."""
    stream = await llm.asked()
    lines = [line.content for line in stream.prompt if line.role == "user"]
    stream.end(f"reply to {len(lines)}")
    return lines


async def test_queued_messages_are_answered_one_by_one(serve: Serve, llm: SteeredLLMClient) -> None:
    async with serve("queue") as api:
        for text in ("one", "two"):
            assert (await api.send(text, message_id=text)).status_code == 202
        assert await asked(llm) == ["one"]
        assert await asked(llm) == ["one", "two"]
        assert (await api.ended_reply("two"))["text"] == "reply to 2"


async def test_a_rejected_message_is_a_409_that_leaves_nothing(serve: Serve, llm: SteeredLLMClient) -> None:
    async with serve("reject") as api, api.client() as client:
        await api.send("one", message_id="one")
        stream = await llm.asked()
        refused = await api.send("two", message_id="two")
        assert (refused.status_code, refused.json()["code"]) == (409, "reply_in_progress")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await api.send("one", message_id="one")).json()["duplicate"] is True

        await client.send(type="message.send", message_id="two", msg_content="two")
        rejected = await client.frame_of("message.rejected")
        assert (rejected["message_id"], rejected["error"]["code"], rejected["error"]["status"]) == ("two", "reply_in_progress", 409)
        assert (await api.get("/api/message/two")).status_code == 404

        stream.end("1")
        await client.frame_of("reply.completed")
        assert (await api.send("two", message_id="two")).status_code == 202


async def test_an_interruption_cancels_the_reply_and_is_answered(serve: Serve, llm: SteeredLLMClient) -> None:
    async with serve("interrupt") as api, api.client() as client:
        await client.send(type="message.send", message_id="old", msg_content="old")
        stream = await llm.asked()
        stream.say("half")
        await client.frame_of("reply.delta")
        await client.send(type="message.send", message_id="new", msg_content="new")
        cancelled = await client.frame_of("reply.cancelled")
        assert cancelled["message"]["msg_content"] == "half"
        assert await asked(llm) == ["old", "new"]
        completed = await client.frame_of("reply.completed")
        assert completed["message"]["msg_content"] == "reply to 2"
        assert (await api.ended_reply("old"))["status"] == 3


async def test_an_interruption_ends_the_streams_of_what_waits(serve: Serve, llm: SteeredLLMClient) -> None:
    async with serve("interrupt") as api, api.client() as client:
        await api.send("running")
        await llm.asked()
        await api.send("waiting", message_id="waiting")
        await api.send("new")
        cancelled = await client.frame_of("reply.cancelled")
        assert cancelled["message"] is None
        assert (await api.ended_reply("waiting"))["status"] == 3


async def test_a_burst_is_answered_once_and_everybody_who_waits_is_told(serve: Serve, llm: SteeredLLMClient) -> None:
    async with serve("merge") as api, api.client() as client:
        for text in ("one", "two", "three"):
            await client.send(type="message.send", message_id=text, msg_content=text)
        accepted = [await client.frame_of("message.accepted") for _ in range(3)]
        stream = await llm.asked()
        assert [line.content for line in stream.prompt if line.role == "user"] == ["one", "two", "three"]

        stream.say("so far")
        await client.frame_of("reply.delta")
        leader, *_, last = [frame["record_id"] for frame in accepted]
        reply = (await api.get("/api/message/three/reply")).json()
        assert (reply["record_id"], reply["text"], reply["status"]) == (last, "so far", 0)
        await client.send(type="resume", after_seq=0)
        resumed = await client.frame_of("resumed")
        assert [(one["record_id"], one["text"]) for one in resumed["replies"]] == [(one["record_id"], "so far") for one in accepted]

        stream.end(", all three")
        ends = [await client.frame_of(*ENDS) for _ in range(3)]
        assert [(end["type"], end["record_id"]) for end in ends] == [("reply.completed", one["record_id"]) for one in accepted]
        assert len({end["message"]["message_id"] for end in ends}) == 1
        record = (await api.get(f"/api/ai/records/{last}")).json()
        assert (record["merged_into"], record["status"], record["ai_message_id"]) == (leader, 1, ends[0]["message"]["message_id"])
        assert (await api.get(f"/api/ai/records/{leader}")).json()["merged_into"] is None


async def test_a_stream_of_a_merged_message_begins_with_the_text_so_far_and_ends_with_the_whole(
    serve: Serve, llm: SteeredLLMClient
) -> None:
    async with serve("merge") as api, api.client() as client:
        for text in ("one", "two"):
            await api.send(text, message_id=text)
        stream = await llm.asked()
        stream.say("so far")
        await client.frame_of("reply.delta")
        headers = api.auth() | {"Accept": "text/event-stream"}
        async with api.http.stream("GET", "/api/message/two/reply", headers=headers) as response:
            lines = response.aiter_lines()
            heard = [await anext(lines) for _ in range(6)]
            stream.end(", and the rest")
            heard += [line async for line in lines]
    events = [line.removeprefix("event: ") for line in heard if line.startswith("event: ")]
    assert events == ["reply.started", "reply.delta", "reply.delta", "reply.completed"]
    assert '"text":"so far"' in "".join(heard)
    assert '"text":", and the rest"' in "".join(heard)


async def test_stopping_one_of_a_burst_stops_its_reply(serve: Serve, llm: SteeredLLMClient) -> None:
    async with serve("merge") as api, api.client() as client:
        sent: list[dict[str, Any]] = [(await api.send(text)).json() for text in ("one", "two")]
        stream = await llm.asked()
        await client.send(type="reply.cancel", record_id=sent[1]["record_id"])
        ends = [await client.frame_of(*ENDS) for _ in range(2)]
        assert {(end["type"], end["record_id"]) for end in ends} == {("reply.cancelled", one["record_id"]) for one in sent}
        await stream.closed.wait()
