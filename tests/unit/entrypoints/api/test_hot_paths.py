"""The way past FastAPI gives the answers that FastAPI would give."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from entrypoints.api.app import create_app
from tests.fakes.api_container import MemoryContainer

PATH = "/api/message/send"


@pytest.fixture
def container() -> MemoryContainer:
    return MemoryContainer()


@pytest.fixture
async def http(container: MemoryContainer) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the application itself: no port, no lifespan."""
    headers = {"Authorization": f"Bearer {container.tokens().issue('ann', 60)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(container)), base_url="http://imcore", headers=headers) as client:
        yield client


def problem(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["code"]


def counted(container: MemoryContainer) -> list[str]:
    """The labels of all requests so far."""
    lines = container.metrics().render().decode().splitlines()
    return [line.partition("{")[2].rpartition("}")[0] for line in lines if line.startswith("im_http_request_seconds_count")]


async def break_send(*_: object, **__: object) -> None:
    raise RuntimeError("password=hunter2")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
async def test_another_method_is_not_allowed(http: httpx.AsyncClient, container: MemoryContainer, method: str) -> None:
    answer = await http.request(method, PATH)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert method == "HEAD" or problem(answer) == (405, "method_not_allowed")
    assert counted(container) == [f'method="{method}",route="{PATH}",status="405"']


async def test_to_get_it_is_to_read_the_message_of_that_id(http: httpx.AsyncClient, container: MemoryContainer) -> None:
    assert problem(await http.get(PATH)) == (404, "not_found")
    assert counted(container) == ['method="GET",route="/api/message/{message_id}",status="404"']


@pytest.mark.parametrize("path", [f"{PATH}/", f"{PATH}//", f"/{PATH}", f"{PATH}/x", "/api/Message/send"])
async def test_a_path_that_is_nearly_it_is_not_found(http: httpx.AsyncClient, container: MemoryContainer, path: str) -> None:
    assert problem(await http.post(path, json={"msg_content": "hello"})) == (404, "not_found")
    assert counted(container) == ['method="POST",route="unmatched",status="404"']


async def test_a_query_changes_nothing(http: httpx.AsyncClient, container: MemoryContainer) -> None:
    assert (await http.post(f"{PATH}?trace=1", json={"msg_content": "hello"})).status_code == 202
    assert counted(container) == [f'method="POST",route="{PATH}",status="202"']


async def test_a_defect_is_a_problem_that_says_nothing_about_the_inside_and_is_counted_and_logged(
    http: httpx.AsyncClient, container: MemoryContainer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(container.store(), "add", break_send)
    answer = await http.post(PATH, json={"msg_content": "hello"})
    assert problem(answer) == (500, "internal_error")
    assert "hunter2" not in answer.text
    assert counted(container) == [f'method="POST",route="{PATH}",status="500"']
    assert [(entry.levelno, "hunter2" in (entry.exc_text or "")) for entry in caplog.records if entry.exc_info] == [(logging.ERROR, True)]


@pytest.mark.parametrize("status", [202, 401, 422, 500])
async def test_the_request_id_is_echoed_whatever_comes_of_the_send(
    http: httpx.AsyncClient, container: MemoryContainer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    if status == 500:
        monkeypatch.setattr(container.store(), "add", break_send)
    headers = {"X-Request-ID": "trace-1.2:3"} | ({"Authorization": "Bearer noise"} if status == 401 else {})
    answer = await http.post(PATH, json={} if status == 422 else {"msg_content": "hello"}, headers=headers)
    assert (answer.status_code, answer.headers["x-request-id"]) == (status, "trace-1.2:3")
    assert status == 202 or answer.json()["request_id"] == "trace-1.2:3"
