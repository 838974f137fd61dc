"""The WebSocket's frames: what is said over it, and what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imcore.errors import LLMUnavailableError, StoreUnavailableError
from imcore.ids import reply_message_id
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient


async def test_a_turn_goes_from_the_accepted_message_to_the_whole_reply(api: ApiServer, llm: SteeredLLMClient) -> None:
    async with api.client() as client:
        await client.send(type="message.send", message_id="m-1", msg_content="hi")
        accepted = await client.frame()
        stream = await llm.asked()
        stream.say("Hel")
        stream.end("lo")
        frames = await client.frames_until("reply.completed")

    assert (accepted["type"], accepted["message"]["msg_content"], accepted["duplicate"]) == ("message.accepted", "hi", False)
    record_id = accepted["record_id"]
    assert frames[0] == {
        "type": "reply.started",
        "record_id": record_id,
        "session_id": "ann",
        "user_message_id": "m-1",
        "ai_message_id": reply_message_id(record_id),
        "attempt": 1,
    }
    assert [(frame["offset"], frame["text"]) for frame in frames[1:-1]] == [(0, "Hel"), (3, "lo")]
    assert frames[-1]["message"]["msg_content"] == "Hello"
    assert frames[-1]["message"]["message_id"] == reply_message_id(record_id)


async def test_type_is_the_first_field_of_every_frame(api: ApiServer, llm: SteeredLLMClient) -> None:
    async with api.connect() as socket:
        await socket.send(json.dumps({"msg_content": "hi", "type": "message.send"}))
        (await llm.asked()).end("Hello")
        texts = [str(await socket.recv()) for _ in range(4)]

    assert all(text.startswith('{"type":"') for text in texts)


async def test_every_connection_of_a_user_hears_all_their_sessions_and_nobody_elses(api: ApiServer, llm: SteeredLLMClient) -> None:
    async with api.client() as one, api.client() as two, api.client("bob") as stranger:
        await one.send(type="message.send", session_id="ann:work", msg_content="hi")
        (await llm.asked()).end("Hello")

        assert (await one.frame_of("reply.completed")) == (await two.frame_of("reply.completed"))
        await stranger.send(type="ping", id=1)
        assert await stranger.frame() == {"type": "pong", "id": 1}


async def test_a_repeated_send_is_accepted_as_a_duplicate(api: ApiServer) -> None:
    async with api.client() as client:
        for _ in range(2):
            await client.send(type="message.send", message_id="m-1", msg_content="hi")
        first = await client.frame_of("message.accepted")
        second = await client.frame_of("message.accepted")

    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["message"] == second["message"]


async def test_sends_of_one_session_are_accepted_in_the_order_of_arrival(api: ApiServer) -> None:
    async with api.client() as client:
        for number in range(15):
            await client.send(type="message.send", message_id=f"m-{number}", msg_content="hi")
        accepted = [await client.frame_of("message.accepted") for _ in range(15)]

    assert [frame["message"]["message_id"] for frame in accepted] == [f"m-{number}" for number in range(15)]
    assert sorted(seqs := [frame["message"]["seq"] for frame in accepted]) == seqs


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"message_id": "m-1"}, "invalid_request"),
        ({"message_id": "m-1", "msg_content": 5}, "invalid_request"),
        ({"message_id": "m-1", "msg_content": " "}, "invalid_request"),
        ({"message_id": "m-1", "msg_content": "x" * 8001}, "too_large"),
        ({"message_id": "m-1", "msg_content": "hi", "session_id": "bob"}, "forbidden"),
        ({"message_id": "m-1", "msg_content": "hi", "session_id": 5}, "invalid_request"),
        ({"message_id": "a b", "msg_content": "hi"}, "invalid_request"),
        ({"message_id": None, "msg_content": ""}, "invalid_request"),
    ],
)
async def test_a_bad_send_is_rejected_under_its_own_id(api: ApiServer, fields: dict[str, Any], code: str) -> None:
    async with api.client() as client:
        await client.send(type="message.send", **fields)
        rejected = await client.frame()

    assert (rejected["type"], rejected["message_id"], rejected["error"]["code"]) == ("message.rejected", fields["message_id"], code)
    assert rejected["error"]["status"] in {403, 413, 422}


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"type": 5}',
        '{"type": "unknown"}',
        '{"type": "reply.cancel"}',
        '{"type": "reply.cancel", "record_id": ""}',
        '{"type": "resume"}',
        '{"type": "resume", "after_seq": -1}',
        '{"type": "resume", "after_seq": true}',
        '{"type": "resume", "after_seq": 99999999999999999999}',
        '{"type": "resume", "after_seq": 0, "replies": [5]}',
        '{"type": "resume", "after_seq": 0, "replies": [{}]}',
        '{"type": "ping", "id": {}}',
        b'{"type": "ping"}',
    ],
    ids=str,
)
async def test_a_bad_frame_is_answered_with_an_error_and_the_socket_lives_on(api: ApiServer, frame: str | bytes) -> None:
    async with api.client() as client:
        await client.connection.send(frame)
        assert (error := await client.frame())["type"] == "error"
        assert error["error"]["code"] == "invalid_request"
        await client.send(type="ping", id="still here")
        assert await client.frame() == {"type": "pong", "id": "still here"}


async def test_what_fails_is_told_with_the_type_of_its_frame(api: ApiServer) -> None:
    async with api.client() as client:
        await client.send(type="reply.cancel", record_id="nobody-knows-it")
        cancel = await client.frame()
        await client.send(type="resume", session_id="bob", after_seq=0)
        resume = await client.frame()

    assert (cancel["about"], cancel["error"]["code"]) == ("reply.cancel", "not_found")
    assert (resume["about"], resume["error"]["code"]) == ("resume", "forbidden")


async def test_a_reply_is_stopped_over_the_socket_and_keeps_its_text(api: ApiServer, llm: SteeredLLMClient) -> None:
    async with api.client() as client:
        await client.send(type="message.send", msg_content="hi")
        record_id = (await client.frame())["record_id"]
        stream = await llm.asked()
        stream.say("Hello")
        await client.frame_of("reply.delta")

        await client.send(type="reply.cancel", record_id=record_id)
        cancelled = await client.frame_of("reply.cancelled")
        await client.send(type="reply.cancel", record_id=record_id)

        assert cancelled["message"]["msg_content"] == "Hello"
        assert await client.frame() == cancelled
        assert stream.closed.is_set()


async def test_a_waiting_reply_is_cancelled_at_once(api: ApiServer) -> None:
    async with api.client() as client:
        await client.send(type="message.send", msg_content="one")
        await client.send(type="message.send", msg_content="two")
        await client.frame_of("message.accepted")
        waiting = (await client.frame_of("message.accepted"))["record_id"]
        await client.send(type="reply.cancel", record_id=waiting)

        assert await client.frame_of("reply.cancelled") == {"type": "reply.cancelled", "record_id": waiting, "attempt": 0, "message": None}


async def test_a_failed_reply_is_told_with_its_code(api: ApiServer, llm: SteeredLLMClient) -> None:
    async with api.client() as client:
        await client.send(type="message.send", msg_content="hi")
        (await llm.asked()).fail(LLMUnavailableError("The provider is away."))
        failed = await client.frame_of("reply.failed")

    assert (failed["error"]["code"], failed["error"]["detail"], failed["retryable"]) == ("llm_unavailable", "The provider is away.", True)


async def test_a_store_that_is_away_rejects_the_send_and_the_socket_lives_on(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("The database does not answer.")

    async with api.client() as client:
        with monkeypatch.context() as patched:
            patched.setattr(api.container.store(), "add", away)
            await client.send(type="message.send", message_id="m-1", msg_content="hi")
            rejected = await client.frame()
        await client.send(type="message.send", message_id="m-1", msg_content="hi")

        assert (rejected["error"]["code"], rejected["error"]["retry_after_s"]) == ("store_unavailable", 2)
        assert (await client.frame())["duplicate"] is False
