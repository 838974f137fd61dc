"""The WebSocket's handshake: who may open one, and what its token leaves behind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.fakes.api_container import MemoryContainer
from tests.fakes.api_server import ApiServer


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
