"""HTTP: limits, errors, health, metrics, documents and pages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from entrypoints.api.frame_schemas import FROM_CLIENT, FROM_SERVER, frame_type
from imcore.errors import QueueUnavailableError, StoreUnavailableError
from tests.fakes.api_container import SECRET, MemoryContainer
from tests.fakes.api_server import ApiServer
from tests.fakes.steered_llm import SteeredLLMClient
from tests.servers import ValkeyServer


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    async with ApiServer.running() as api:
        yield api


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(body)
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["code"]


# who may


@pytest.mark.parametrize("path", ["/api/message/list", "/api/message/m", "/api/message/m/reply", "/api/ai/records", "/api/session/list"])
async def test_nothing_is_read_without_a_token(api: ApiServer, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer nonsense"}):
        answer = await api.http.get(path, headers=headers)
        assert problem(answer) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_user_id_that_imcore_does_not_accept_is_forbidden(api: ApiServer) -> None:
    import jwt  # noqa: PLC0415  # our own tokens never have such a subject

    token = jwt.encode({"sub": "a:b", "exp": 4_000_000_000}, SECRET, algorithm="HS256")

    assert problem(await api.http.post("/api/message/send", headers={"Authorization": f"Bearer {token}"})) == (403, "invalid_user_id")


async def test_a_guest_gets_a_token_that_counts(api: ApiServer) -> None:
    guest = (await api.http.post("/api/auth/guest")).json()

    answer = await api.http.get("/api/session/list", headers={"Authorization": f"Bearer {guest['token']}"})

    assert set(guest) == {"token", "user_id"}
    assert guest["user_id"].startswith("guest-")
    assert answer.status_code == 200


async def test_there_are_no_guests_where_guest_access_is_off() -> None:
    async with ApiServer.running(MemoryContainer(guest_access=False)) as api:
        assert problem(await api.http.post("/api/auth/guest")) == (404, "not_found")


# limits


async def test_too_many_sends_are_refused_with_the_time_to_wait_over_http_and_websocket() -> None:
    async with ApiServer.running(MemoryContainer(rate_limit="2/minute")) as api:
        for _ in range(2):
            assert (await api.send()).status_code == 202
        refused = await api.send()
        assert problem(refused) == (429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (refused.headers["ratelimit-limit"], refused.headers["ratelimit-remaining"]) == ("2", "0")
        async with api.client() as client:
            await client.send(type="message.send", message_id="m-9", msg_content="hi")
            rejected = await client.frame_of("message.rejected")
        assert (rejected["error"]["code"], rejected["error"]["retry_after_s"] >= 1) == ("rate_limited", True)
        assert (await api.send(user_id="bob")).status_code == 202


async def test_a_retry_counts_as_a_send() -> None:
    async with ApiServer.running(MemoryContainer(SteeredLLMClient(), rate_limit="2/minute")) as api:
        record_id = (await api.send()).json()["record_id"]
        await api.post(f"/api/ai/records/{record_id}/cancel")
        answers = [await api.post(f"/api/ai/records/{record_id}/retry") for _ in range(2)]

    assert answers[0].status_code == 202
    assert problem(answers[1]) == (429, "rate_limited")


async def test_guests_are_limited_by_their_address() -> None:
    async with ApiServer.running(MemoryContainer(rate_limit="2/minute")) as api:
        answers = [await api.http.post("/api/auth/guest") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]


@pytest.mark.parametrize("fault", ["pause", "kill"])
async def test_one_limit_counts_for_all_processes_and_a_dead_redis_limits_nobody(fault: str) -> None:
    with ValkeyServer() as valkey:
        settings = {"rate_limit": "2/minute", "redis_url": valkey.url}
        async with ApiServer.running(MemoryContainer(**settings)) as one, ApiServer.running(MemoryContainer(**settings)) as two:
            assert [(await api.send()).status_code for api in (one, two, one, two)] == [202, 202, 429, 429]
            getattr(valkey, fault)()
            assert [(await api.send()).status_code for api in (one, two, one, two)] == [202] * 4


async def test_sends_are_refused_while_too_many_replies_are_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    async def many() -> int:
        return 6

    container = MemoryContainer(max_queue_depth=5)
    monkeypatch.setattr(container.store(), "open_record_count", many)
    async with ApiServer.running(container) as api:
        refused, retry = await api.send(), await api.post("/api/ai/records/any/retry")
        async with api.client() as client:
            await client.send(type="message.send", msg_content="hi")
            assert (await client.frame())["error"]["code"] == "queue_full"
        metrics = (await api.http.get("/metrics")).text

    assert problem(refused) == problem(retry) == (503, "queue_full")
    assert int(refused.headers["retry-after"]) > 0
    assert "im_queue_depth 6.0" in metrics


# errors


async def test_what_the_router_refuses_is_a_problem_too(api: ApiServer) -> None:
    assert problem(await api.http.get("/nowhere")) == (404, "not_found")
    assert problem(await api.http.post("/api/message/send/")) == (404, "not_found")
    refused = await api.http.put("/api/message/send")
    assert problem(refused) == (405, "method_not_allowed")
    assert refused.headers["allow"] == "POST"


async def test_a_store_that_is_away_is_told_with_the_time_to_wait(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("The database does not answer.")

    for method in ("add", "messages"):
        monkeypatch.setattr(api.container.store(), method, away)

    for answer in (await api.send(), await api.get("/api/message/list")):
        assert problem(answer) == (503, "store_unavailable")
        assert int(answer.headers["retry-after"]) > 0


async def test_a_defect_says_nothing_about_the_inside(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def defect(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    for method in ("add", "sessions"):
        monkeypatch.setattr(api.container.store(), method, defect)

    for answer in (await api.send(), await api.get("/api/session/list")):
        assert problem(answer) == (500, "internal_error")
        assert "hunter2" not in answer.text
    async with api.client() as client:
        await client.send(type="message.send", msg_content="hi")
        rejected = await client.frame()
    assert rejected["error"]["code"] == "internal_error"
    assert "hunter2" not in str(rejected)
    assert "hunter2" in caplog.text


async def test_a_safe_request_id_is_kept_and_any_other_replaced(api: ApiServer) -> None:
    kept = await api.http.get("/health/live", headers={"X-Request-ID": "trace-1.2:3"})
    replaced = [(await api.http.get("/health/live", headers={"X-Request-ID": given})) for given in ("a b", "x" * 65, "")]

    assert kept.headers["x-request-id"] == "trace-1.2:3"
    assert all(re.fullmatch("[0-9a-f-]{36}", answer.headers["x-request-id"]) for answer in replaced)


async def test_pages_of_allowed_origins_may_call_and_others_not() -> None:
    async with ApiServer.running(MemoryContainer(allowed_origins=("https://chat.example",))) as api:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        allowed = await api.http.options("/api/message/send", headers={"Origin": "https://chat.example"} | asked)
        refused = await api.http.options("/api/message/send", headers={"Origin": "https://evil.example"} | asked)
        answer = await api.http.get("/api/session/list", headers={"Origin": "https://chat.example"})

    assert allowed.headers["access-control-allow-origin"] == "https://chat.example"
    assert "access-control-allow-origin" not in refused.headers
    assert answer.headers["access-control-allow-origin"] == "https://chat.example"
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


# operation


async def test_it_is_ready_while_the_store_answers_and_only_the_log_says_why_it_is_not(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away() -> None:
        raise StoreUnavailableError("The database at 10.1.2.3 does not answer.")

    assert (await api.http.get("/health/live")).json() == {"status": "live"}
    assert (await api.http.get("/health/ready")).json() == {"status": "ready"}
    monkeypatch.setattr(api.container.store(), "ping", away)

    unready = await api.http.get("/health/ready")

    assert problem(unready) == (503, "not_ready")
    assert unready.json()["failing"] == ["store"]
    assert "10.1.2.3" not in unready.text
    assert [record.failing for record in caplog.records if record.message == "not ready"] == [
        {"store": "The database at 10.1.2.3 does not answer."}
    ]
    assert (await api.http.get("/health/live")).status_code == 200


async def test_where_replies_are_written_elsewhere_queue_and_notifier_must_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> None:
        raise QueueUnavailableError("The broker does not answer.")

    container = MemoryContainer(redis_url="redis://127.0.0.1:1")
    monkeypatch.setattr(container.queue(), "ping", away)
    async with ApiServer.running(container) as api:
        assert (await api.http.get("/health/ready")).json()["failing"] == ["queue"]


async def test_requests_are_counted_by_route_and_never_by_path(api: ApiServer) -> None:
    await api.ended_reply((await api.send(message_id="secret-id")).json()["message"]["message_id"])
    await api.get("/api/message/secret-id")
    await api.http.get("/nowhere/secret-id")
    async with api.client() as client:
        await client.send(type="ping")
        await client.frame()
        metrics = await api.http.get("/metrics")

    assert metrics.headers["content-type"].startswith("text/plain")
    lines = metrics.text.splitlines()
    assert 'im_http_request_seconds_count{method="POST",route="/api/message/send",status="202"} 1.0' in lines
    assert 'im_http_request_seconds_count{method="GET",route="/api/message/{message_id}",status="200"} 1.0' in lines
    assert 'im_http_request_seconds_count{method="GET",route="unmatched",status="404"} 1.0' in lines
    assert 'im_messages_total{msg_type="TEXT"} 1.0' in lines
    assert "im_websocket_connections 1.0" in lines
    assert "secret-id" not in metrics.text


async def test_evictions_are_counted_by_their_reason(api: ApiServer) -> None:
    async with api.client() as client:
        for _ in range(10):
            await client.connection.send("nonsense")
        await client.closed()

    assert 'im_websocket_evictions_total{reason="bad_frames"} 1.0' in (await api.http.get("/metrics")).text


# documents and pages


async def test_the_openapi_document_describes_every_call_and_its_errors(api: ApiServer) -> None:
    document = (await api.http.get("/openapi.json")).json()

    calls = {f"{method.upper()} {path}": call for path, methods in document["paths"].items() for method, call in methods.items()}
    assert set(calls) == {
        "POST /api/message/send",
        "GET /api/message/list",
        "GET /api/message/{message_id}",
        "GET /api/message/{message_id}/reply",
        "GET /api/ai/records",
        "GET /api/ai/records/{record_id}",
        "POST /api/ai/records/{record_id}/cancel",
        "POST /api/ai/records/{record_id}/retry",
        "GET /api/session/list",
        "POST /api/auth/guest",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
    }
    for name, call in calls.items():
        assert call.get("description"), name
        for status, response in call["responses"].items():
            if int(status) >= 400:
                assert set(response["content"]) == {"application/problem+json"}, (name, status)
        if " /api/" in name and "guest" not in name:
            assert {"401", "403"} <= set(call["responses"]), name
            assert call["security"] == [{"HTTPBearer": []}], name
    send = calls["POST /api/message/send"]
    assert set(send["responses"]) == {"200", "202", "401", "403", "409", "413", "422", "429", "500", "503"}
    assert set(send["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {"msg_content", "message_id", "session_id"}
    assert "text/event-stream" in send["responses"]["202"]["content"]
    retry = calls["POST /api/ai/records/{record_id}/retry"]["responses"]
    assert {"202", "404", "409", "429", "503"} <= set(retry)
    assert "`queue_full`" in retry["503"]["description"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    _assert_no_dangling_references(document)


async def test_the_asyncapi_document_describes_every_frame(api: ApiServer) -> None:
    document = (await api.http.get("/asyncapi.json")).json()

    assert {message["name"] for message in document["components"]["messages"].values()} == {
        frame_type(kind) for kind in FROM_CLIENT + FROM_SERVER
    }
    _assert_no_dangling_references(document)


def _assert_no_dangling_references(document: dict[str, object]) -> None:
    for reference in re.findall(r'"\$ref": ?"#/([^"]+)"', httpx.Response(200, json=document).text):
        found: object = document
        for step in reference.split("/"):
            assert isinstance(found, dict)
            assert step in found, reference
            found = found[step]


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_loads_only_what_this_server_serves(api: ApiServer, path: str) -> None:
    page = await api.http.get(path)

    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert links
    for link in links:
        assert (await api.http.get(link)).status_code == 200, link
    assert not re.search(r"<script(?![^>]*src)", page.text), "no inline script"


async def test_a_page_that_the_browser_has_is_not_sent_again(api: ApiServer) -> None:
    etag = (await api.http.get("/assets/chat.js")).headers["etag"]

    assert (await api.http.get("/assets/chat.js", headers={"If-None-Match": etag})).status_code == 304


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "nothing.js", "swagger-ui/README.md"])
async def test_no_other_file_is_served(api: ApiServer, name: str) -> None:
    assert (await api.http.get(f"/assets/{name}")).status_code == 404
