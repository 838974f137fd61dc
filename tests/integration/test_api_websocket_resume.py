"""The WebSocket opened again: what was missed comes, and what still runs goes on."""

from __future__ import annotations

from imcore.errors import LLMUnavailableError
from imcore.ids import reply_message_id
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient
from tests.polling import eventually


async def test_who_comes_back_gets_what_was_said_and_the_text_so_far(api: ApiServer, llm: SteeredLLMClient) -> None:
    async with api.client() as client:
        await client.send(type="message.send", message_id="m-1", msg_content="one")
        (await llm.asked()).end("First")
        seq = (await client.frame_of("reply.completed"))["message"]["seq"]
        await client.send(type="message.send", message_id="m-2", msg_content="two")
        record_id = (await client.frame_of("message.accepted"))["record_id"]
        stream = await llm.asked()
        stream.say("Sec")
        await client.frame_of("reply.delta")
    stream.say("ond")
    await eventually(lambda: api.container.live().snapshot(record_id).text == "Second")

    async with api.client() as client:
        await client.send(type="resume", after_seq=seq, replies=[{"record_id": record_id, "attempt": 1, "offset": 3}])
        resumed = await client.frame()
        stream.end(" reply")
        frames = await client.frames_until("reply.completed")

    assert (resumed["type"], resumed["recovered"], resumed["more"]) == ("resumed", True, False)
    assert [message["message_id"] for message in resumed["messages"]] == ["m-2"]
    assert resumed["replies"] == [
        {"record_id": record_id, "user_message_id": "m-2", "ai_message_id": reply_message_id(record_id), "attempt": 1, "text": "Second"}
    ]
    assert [(frame["offset"], frame["text"]) for frame in frames[:-1]] == [(6, " reply")]


async def test_who_comes_back_is_told_how_a_reply_failed_meanwhile(api: ApiServer, llm: SteeredLLMClient) -> None:
    async with api.client() as client:
        await client.send(type="message.send", message_id="m-1", msg_content="one")
        accepted = await client.frame_of("message.accepted")
    (await llm.asked()).fail(LLMUnavailableError("The provider is away."))
    await api.ended_reply("m-1")

    async with api.client() as client:
        await client.send(type="resume", after_seq=accepted["message"]["seq"], replies=[{"record_id": accepted["record_id"]}])
        resumed, failed = await client.frame(), await client.frame()

    assert (resumed["messages"], resumed["replies"]) == ([], [])
    assert (failed["type"], failed["record_id"]) == ("reply.failed", accepted["record_id"])


async def test_a_client_that_knows_more_than_the_store_is_told_so(api: ApiServer) -> None:
    async with api.client() as client:
        await client.send(type="resume", after_seq=99)
        assert (await client.frame())["recovered"] is False


async def test_a_client_that_leaves_cancels_nothing(api: ApiServer, llm: SteeredLLMClient) -> None:
    async with api.client() as client:
        await client.send(type="message.send", message_id="m-1", msg_content="hi")
        stream = await llm.asked()
    await eventually(lambda: not api.container.hub().connected())

    stream.end("Hello")
    assert (await api.ended_reply("m-1"))["status"] == 1
