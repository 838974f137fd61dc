"""HTTP: sending messages and reading them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.api_container import MemoryContainer
from tests.fakes.api_server import ApiServer


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    async with ApiServer.running() as api:
        yield api


async def test_a_send_is_answered_with_the_stored_message_and_its_record(api: ApiServer) -> None:
    answer = await api.send("hello", message_id="m-1")

    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"message", "record_id", "status"}
    assert body["message"]["message_id"] == "m-1"
    assert body["message"]["session_id"] == body["message"]["from_user_id"] == "ann"
    assert body["message"]["msg_type"] == "TEXT"
    assert body["message"]["msg_content"] == "hello"
    assert body["message"]["created_at"].endswith("Z")
    assert (await api.get("/api/message/m-1")).json() == body["message"]


async def test_a_repeated_send_changes_nothing(api: ApiServer) -> None:
    first = (await api.send("hello", message_id="m-1")).json()

    again = await api.send("hello", message_id="m-1")

    assert again.status_code == 200
    assert again.json()["duplicate"] is True
    assert (again.json()["message"], again.json()["record_id"]) == (first["message"], first["record_id"])
    assert len((await api.get("/api/ai/records")).json()["items"]) == 1


@pytest.mark.parametrize(("text", "user_id"), [("other", "ann"), ("hello", "bob")])
async def test_a_taken_message_id_is_a_conflict(api: ApiServer, text: str, user_id: str) -> None:
    await api.send("hello", message_id="m-1")

    answer = await api.send(text, user_id, message_id="m-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "message_id_conflict")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_request"),
        (b"{", 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"msg_content": 7}', 422, "invalid_request"),
        (b'{"msg_content": "  "}', 422, "invalid_request"),
        (b'{"msg_content": "a\\u0000b"}', 422, "invalid_request"),
        (b'{"msg_content": "\\ud800"}', 422, "invalid_request"),
        (b'{"msg_content": "\xff"}', 422, "invalid_request"),
        (b'{"msg_content": "a", "message_id": "no spaces"}', 422, "invalid_request"),
        (b'{"msg_content": "a", "message_id": 5}', 422, "invalid_request"),
        (b'{"msg_content": "a", "message_id": "' + b"x" * 65 + b'"}', 422, "invalid_request"),
        (b'{"msg_content": "a", "session_id": ["x"]}', 422, "invalid_request"),
        (b'{"msg_content": "a", "session_id": "ann:' + b"x" * 48 + b'"}', 422, "invalid_request"),
        (b'{"msg_content": "a", "session_id": "bob"}', 403, "forbidden"),
        (b'{"msg_content": "a", "session_id": "bob:notes"}', 403, "forbidden"),
        (b'{"msg_content": "' + b"x" * 8001 + b'"}', 413, "too_large"),
        (b'{"msg_content": "' + b"x" * 300_000 + b'"}', 413, "too_large"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else str(value),
)
async def test_a_bad_send_keeps_nothing(api: ApiServer, body: bytes, status: int, code: str) -> None:
    answer = await api.http.post("/api/message/send", content=body, headers=api.auth())

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert (await api.get("/api/message/list")).json()["items"] == []


async def test_a_body_that_names_no_length_is_limited_too(api: ApiServer) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 1000

    answer = await api.http.post("/api/message/send", content=long(), headers=api.auth())

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_message_of_the_greatest_length_passes_whatever_its_characters(api: ApiServer) -> None:
    answer = await api.http.post("/api/message/send", content='{"msg_content": "' + "\\ud83d\\ude00" * 8000 + '"}', headers=api.auth())

    assert answer.status_code == 202
    assert answer.json()["message"]["msg_content"] == "😀" * 8000


async def test_pages_go_both_ways_through_a_session(api: ApiServer) -> None:
    for number in range(5):
        await api.ended_reply((await api.send(f"line {number}")).json()["message"]["message_id"])

    newest = (await api.get("/api/message/list", limit=4)).json()
    older = (await api.get("/api/message/list", limit=4, before_seq=newest["next_before_seq"])).json()
    later = (await api.get("/api/message/list", after_seq=older["next_after_seq"])).json()

    assert [item["msg_content"] for item in newest["items"]] == ["line 3", "You said: line 3", "line 4", "You said: line 4"]
    assert [item["msg_content"] for item in older["items"]] == ["line 1", "You said: line 1", "line 2", "You said: line 2"]
    assert later["items"] == newest["items"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "after_seq=-1", "after_seq=99999999999999999999", "after_seq=1&before_seq=2", "session_id=a/b"],
)
async def test_a_bad_query_is_refused(api: ApiServer, query: str) -> None:
    answer = await api.http.get(f"/api/message/list?{query}", headers=api.auth())

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_nothing_of_another_user_is_found(api: ApiServer) -> None:
    sent = (await api.send("secret", message_id="m-1", session_id="ann:diary")).json()
    await api.ended_reply("m-1")

    assert (await api.get("/api/message/m-1", "bob")).json()["code"] == "not_found"
    assert (await api.get("/api/message/m-1/reply", "bob")).json()["code"] == "not_found"
    assert (await api.get(f"/api/ai/records/{sent['record_id']}", "bob")).json()["code"] == "not_found"
    assert (await api.post(f"/api/ai/records/{sent['record_id']}/cancel", "bob")).json()["code"] == "not_found"
    assert (await api.post(f"/api/ai/records/{sent['record_id']}/retry", "bob")).json()["code"] == "not_found"
    assert (await api.get("/api/message/list", "bob", session_id="ann:diary")).json()["code"] == "forbidden"
    assert (await api.get("/api/ai/records", "bob")).json()["items"] == []
    assert (await api.get("/api/session/list", "bob")).json()["items"] == []


@pytest.mark.parametrize(
    "path", ["/api/message/%00", "/api/message/a%20b/reply", "/api/ai/records/%F0%9F%98%80", "/api/message/" + "x" * 65]
)
async def test_what_cannot_be_an_id_is_not_found(api: ApiServer, path: str) -> None:
    answer = await api.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_sessions_are_listed_latest_first(api: ApiServer) -> None:
    await api.send("one")
    await api.send("two", session_id="ann:work")

    sessions = (await api.get("/api/session/list")).json()["items"]

    assert [session["session_id"] for session in sessions] == ["ann:work", "ann"]
    assert set(sessions[0]) == {"session_id", "user_id", "last_seq", "created_at", "updated_at"}


async def test_too_many_waiting_replies_are_refused_with_the_time_to_wait() -> None:
    async with ApiServer.running(MemoryContainer(max_pending_replies_per_user=1, rate_limit="60/minute")) as api:
        api.container._queue.listen(_nobody)  # so that the first reply goes on waiting
        await api.send("one")
        answer = await api.send("two")

    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0


async def _nobody(_: object) -> None:
    """Takes hints and writes nothing."""
