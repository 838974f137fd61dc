"""Why a WebSocket is closed, with which code, and why it is not."""

from __future__ import annotations

import pytest

from adapters.websocket.outbox import OutboxLimits
from entrypoints.api.socket_session import SocketTimes
from tests.fakes.api_container import MemoryContainer
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient
from tests.polling import eventually


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


async def test_a_socket_is_closed_when_its_token_expires(api: ApiServer) -> None:
    async with api.client(token=api.token(ttl_s=1)) as client:
        assert (await client.closed())[0] == 4401
