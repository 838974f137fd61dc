"""The WebSocket: frames, who may open one, and why it is closed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from adapters.websocket.outbox import OutboxLimits
from entrypoints.api.socket_session import SocketTimes
from imcore.errors import LLMUnavailableError, StoreUnavailableError
from imcore.ids import reply_message_id
from tests.fakes.api_container import MemoryContainer
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient
from tests.polling import eventually


@pytest.fixture
def llm() -> SteeredLLMClient:
    return SteeredLLMClient()


@pytest.fixture
async def api(llm: SteeredLLMClient) -> AsyncIterator[ApiServer]:
    async with ApiServer.running(MemoryContainer(llm)) as api:
        yield api


# who may


async def refused(url: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(url, proxy=None, **options)
    response = refusal.value.response
    assert response.headers["content-type"] == "application/problem+json"
    problem = json.loads(response.body or b"")
    assert problem["request_id"] == response.headers["x-request-id"]
    return response.status_code, problem["code"]


async def test_the_subprotocol_the_header_and_the_query_can_carry_the_token(api: ApiServer) -> None:
    token, url = api.token(), api.ws_url()

    async with connect(url, subprotocols=[Subprotocol("bearer"), Subprotocol(token)], proxy=None) as browser:
        assert browser.subprotocol == "bearer"
        assert json.loads(await browser.recv())["type"] == "ready"
    for options in ({"uri": url, "additional_headers": {"Authorization": f"Bearer {token}"}}, {"uri": f"{url}?x=1&token={token}"}):
        async with connect(proxy=None, **options) as other:
            assert json.loads(await other.recv())["type"] == "ready"


async def test_a_bad_token_is_refused_in_the_handshake(api: ApiServer) -> None:
    url, protocols = api.ws_url(), lambda token: [Subprotocol("bearer"), Subprotocol(token)]

    assert await refused(url) == (401, "unauthenticated")
    assert await refused(url, subprotocols=[Subprotocol("bearer")]) == (401, "unauthenticated")
    assert await refused(url, subprotocols=protocols("nonsense")) == (401, "unauthenticated")
    assert await refused(f"{url}?token={api.token(ttl_s=-5)}") == (401, "unauthenticated")
    assert await refused(url, subprotocols=protocols(api.token("bob"))) == (403, "forbidden")


async def test_pages_of_strangers_are_refused() -> None:
    async with ApiServer.running(MemoryContainer(allowed_origins=("https://chat.example",))) as api:
        url = f"{api.ws_url()}?token={api.token()}"

        for origin in ("https://evil.example", "http://[", "null"):
            assert await refused(url, origin=origin) == (403, "forbidden")
        for origin in ("https://chat.example", f"http://127.0.0.1:{api.port}"):
            async with connect(url, origin=origin, proxy=None) as socket:
                assert json.loads(await socket.recv())["type"] == "ready"


async def test_no_token_is_ever_logged(api: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    token = api.token()
    caplog.clear()

    async with connect(f"{api.ws_url()}?token={token}", proxy=None) as socket:
        await socket.recv()
    await refused(f"{api.ws_url('bob')}?token={token}")
    await api.http.get("/api/session/list", params={"token": token}, headers={"Authorization": f"Bearer {token}"})

    lines = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records if record.name != "httpx"]
    assert lines
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert not [line for line in lines if token in line]


async def test_a_socket_is_closed_when_its_token_expires(api: ApiServer) -> None:
    async with api.client(token=api.token(ttl_s=1)) as client:
        assert (await client.closed())[0] == 4401


# frames


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


# coming back


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


# why it is closed


async def test_bad_frames_one_after_another_close_the_socket(api: ApiServer) -> None:
    async with api.client() as client:
        for _ in range(10):
            await client.connection.send("nonsense")
        assert [(await client.frame())["type"] for _ in range(10)] == ["error"] * 10
        assert (await client.closed())[0] == 4400


async def test_a_good_frame_makes_up_for_bad_ones(api: ApiServer) -> None:
    async with api.client() as client:
        for _ in range(3):
            for _ in range(9):
                await client.connection.send("nonsense")
            await client.send(type="ping")
            await client.frame_of("pong")


@pytest.mark.parametrize("size", [300_000, 2_000_000], ids=["for us", "for uvicorn"])
async def test_too_big_a_frame_closes_the_socket(api: ApiServer, size: int) -> None:
    async with api.client() as client:
        await client.connection.send("x" * size)
        assert (await client.closed())[0] == 1009


async def test_too_many_frames_close_the_socket(api: ApiServer) -> None:
    async with api.client() as client:
        for _ in range(300):
            await client.send(type="ping")
        assert (await client.closed())[0] == 4429


async def test_more_connections_than_allowed_are_closed() -> None:
    async with ApiServer.running(MemoryContainer(max_connections_per_user=2)) as api:
        async with api.client(), api.client() as second, api.client("bob"):
            async with api.connect() as third:
                await third.wait_closed()
                assert third.close_code == 4429
            await second.send(type="ping")
            assert (await second.frame())["type"] == "pong"
        await eventually(lambda: not api.container.hub().connected())
        async with api.client():
            pass


async def test_a_quiet_socket_is_closed_as_idle() -> None:
    async with ApiServer.running(socket_times=SocketTimes(idle_s=0.3, look_s=0.1)) as api, api.client() as client:
        assert (await client.closed())[0] == 4408


async def test_a_server_that_goes_says_so(api: ApiServer) -> None:
    async with api.client() as client:
        api.stop()
        assert (await client.closed())[0] == 1001


async def test_a_client_that_does_not_read_is_closed_and_others_do_not_wait_for_it(llm: SteeredLLMClient) -> None:
    limits = OutboxLimits(soft_bytes=10_000, hard_bytes=50_000)
    container = MemoryContainer(llm, outbox_limits=limits)
    async with ApiServer.running(container, socket_times=SocketTimes(close_s=30)) as api, api.client(max_queue=1) as slow:
        async with api.client() as quick:
            while not any(outbox.is_closed for outbox in container.hub()._users["ann"].outboxes):
                await quick.send(type="message.send", msg_content="hi")
                (await llm.asked()).end("x" * 100_000)
                await quick.frame_of("reply.completed")
        assert (await slow.closed())[0] == 4409


async def test_a_client_that_asks_for_more_than_it_reads_is_not_read_either(llm: SteeredLLMClient) -> None:
    limits = OutboxLimits(soft_bytes=10_000, hard_bytes=50_000)
    async with ApiServer.running(MemoryContainer(llm, outbox_limits=limits)) as api:
        sent = (await api.send("x" * 8000)).json()
        (await llm.asked()).end("y" * 300_000)
        await api.ended_reply(sent["message"]["message_id"])
        async with api.client() as client:
            for _ in range(30):
                await client.send(type="resume", after_seq=1)
            answers = [await client.frame() for _ in range(30)]

    assert all(len(answer["messages"][0]["msg_content"]) == 300_000 for answer in answers)
